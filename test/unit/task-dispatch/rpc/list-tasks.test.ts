import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { QueueLevel, TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { errorReasonName } from '../../../support/task-dispatch/error-reason-name.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

describe.each(databaseNames)('lists on %s', (database) => {
  it('pages through all tasks, newest first, each once', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store } = taskActions(testHarness);
    const createdAt = timestampFromMs(testHarness.clock.now());
    const stored = [];
    for (let i = 0; i < 7; i++) stored.push(await store(i < 4 ? { createdAt } : {}));
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await testHarness.tasks.listTasks({ pageSize: 3, pageToken, status: TaskStatus.PENDING });
      seen.push(...page.tasks.map((task) => task.taskId));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(seen.toSorted()).toEqual(stored.map((task) => task.taskId).toSorted());
    expect(seen[0]).toBe(stored.at(-1)?.taskId);
    const ofSession = await testHarness.tasks.listTasks({ sessionId: stored[0]?.sessionId });
    expect(ofSession.tasks.map((task) => task.taskId)).toEqual([stored[0]?.taskId]);
    expect(await errorReasonName(testHarness.tasks.listTasks({ pageToken: 'nonsense' }))).toBe('INVALID_ARGUMENT');
  });

  it('counts tasks by status and pending tasks by level', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, sent } = taskActions(testHarness);
    await sent();
    await store({ level: QueueLevel.LEVEL5 });
    await store({ level: QueueLevel.LEVEL5, notBeforeAt: timestampFromMs(testHarness.clock.now() + 60_000) });
    testHarness.clock.advance({ seconds: 30 });
    const stats = await testHarness.tasks.getTaskStats({});
    expect(stats.byStatus).toMatchObject({ pending: 2, fetched: 1, completed: 0 });
    expect(stats.total).toBe(3);
    expect(stats.levels[0]).toMatchObject({ level: QueueLevel.LEVEL5, depth: 2, ready: 1 });
    expect(stats.levels[0]?.oldestAgeSeconds).toBeGreaterThanOrEqual(30);
    expect(stats.levels).toHaveLength(5);
  });

  it('lists pending tasks in the order of dispatch, with the state of their session', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store } = taskActions(testHarness);
    const later = await store({
      level: QueueLevel.LEVEL5,
      notBeforeAt: timestampFromMs(testHarness.clock.now() + 60_000),
    });
    const low = await store({ level: QueueLevel.LEVEL1 });
    const high = await store({ level: QueueLevel.LEVEL4 });
    const { tasks, count, limit } = await testHarness.tasks.listPendingTasks({});
    expect(tasks.map((task) => task.taskId)).toEqual([high.taskId, low.taskId, later.taskId]);
    expect(tasks[0]).toMatchObject({ sessionState: 'pending', sendContent: high.sendContent, priority: 3 });
    expect([count, limit]).toEqual([3, 10]);
  });

  it('answers for a session without tasks and for unknown ids', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    expect(await testHarness.tasks.getSessionTasks({ sessionId: 'ses_nobody' })).toMatchObject({
      tasks: [],
      sourceSeq: 0,
    });
    expect(await errorReasonName(testHarness.tasks.getTask({ taskId: '没有' }))).toBe('TASK_NOT_FOUND');
    expect(await errorReasonName(testHarness.tasks.getSendInfo({ taskId: '没有' }))).toBe('TASK_NOT_FOUND');
  });
});
