import { describe, expect, it } from 'vitest';
import { TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { taskStatuses } from '../../../../services/task-dispatch/domain/task.ts';
import { fromStoredStatus, toStoredStatus } from '../../../../services/task-dispatch/store/stored-status.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

describe('the stored word of a status', () => {
  it('is the status itself, but sent for fetched', () => {
    expect(taskStatuses.filter((status) => toStoredStatus(status) !== status)).toEqual(['fetched']);
    expect(toStoredStatus('fetched')).toBe('sent');
    expect(taskStatuses.map((status) => fromStoredStatus(toStoredStatus(status)))).toEqual(taskStatuses);
  });

  it.each(databaseNames)(
    'is sent in the row of a fetched task, as instances of the release before read it, on %s',
    async (database) => {
      await using harness = await startTaskDispatchHarness({ database });
      const { sent, row } = taskActions(harness);
      const { taskId } = await sent();
      expect((await row(taskId)).status).toBe('sent');
      const { task } = await harness.tasks.getTask({ taskId });
      expect(task?.taskStatus).toBe(TaskStatus.FETCHED);
    },
  );

  it.each(databaseNames)('is found by every statement that looks for fetched tasks, on %s', async (database) => {
    await using harness = await startTaskDispatchHarness({ database });
    const { sent, status, raise } = taskActions(harness);
    const first = await sent();
    const second = await sent();
    const { tasks } = await harness.tasks.listTasks({ status: TaskStatus.FETCHED });
    expect(tasks.map(({ taskId }) => taskId).toSorted()).toEqual([first.taskId, second.taskId].toSorted());
    expect((await harness.tasks.getTaskStats({})).byStatus.fetched).toBe(2);
    expect((await raise(first.sessionId, 2)).possiblySent.map(({ taskId }) => taskId)).toEqual([first.taskId]);
    harness.clock.advance({ minutes: 60 });
    await harness.reap();
    expect(await status(second.taskId)).toBe('unknown');
  });
});

it('keeps the number of the status and of the event that stored answers and events have', () => {
  expect([TaskStatus.FETCHED, TaskChange.FETCHED]).toEqual([4, 2]);
});
