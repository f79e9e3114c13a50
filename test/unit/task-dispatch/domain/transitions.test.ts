import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ErrorReason } from '../../../../gen/autosession/error/v1/error_reason_pb.js';
import { TaskSpecSchema } from '../../../../gen/autosession/task/v1/task_pb.js';
import { errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { applyTransition } from '../../../../services/task-dispatch/domain/apply-transition.ts';
import { newTask } from '../../../../services/task-dispatch/domain/new-task.ts';
import { isFinished, type StoredTask, taskStatuses } from '../../../../services/task-dispatch/domain/task.ts';
import { statusCode, statusFromProto, statusToProto } from '../../../../services/task-dispatch/domain/task-to-proto.ts';
import {
  callerCommands,
  findTaskTransition,
  type TaskCommand,
  type TaskTransition,
  taskTransitions,
} from '../../../../services/task-dispatch/domain/transitions.ts';

const commands = taskTransitions.map((row) => row.command);
const NOW = 1_750_000_000_000;

function taskIn(status: StoredTask['status']): StoredTask {
  const spec = create(TaskSpecSchema, { taskId: 'tsk_1', sessionId: 'ses_1', sendContent: '您好' });
  return { ...newTask(spec, 'default', NOW), status, leaseExpiresAt: NOW, unknownAt: NOW, remindedAt: NOW };
}

function attempt(task: StoredTask, command: TaskCommand, paused: boolean) {
  try {
    return applyTransition(task, command, { paused, now: NOW });
  } catch (error) {
    return errorInfo(error);
  }
}

it('follows the table for every command and state, and refuses all others', () => {
  for (const status of taskStatuses)
    for (const command of commands)
      for (const paused of [false, true]) {
        const row = findTaskTransition(status, command);
        const outcome = attempt(taskIn(status), command, paused);
        if (row) expect(outcome).toMatchObject({ task: { status: (paused && row.whilePaused) || row.to, version: 2 } });
        else
          expect(outcome).toEqual({
            reason: ErrorReason.INVALID_TASK_STATUS,
            metadata: { task_id: 'tsk_1', task_status: status, command, allowed: callerCommands(status).join(',') },
          });
      }
});

it('names every command once and leads to every state but the first', () => {
  expect(new Set(commands).size).toBe(commands.length);
  const reached = new Set(taskTransitions.flatMap((row: TaskTransition) => [row.to, row.whilePaused ?? row.to]));
  expect([...reached].toSorted()).toEqual([...taskStatuses].toSorted());
});

it('keeps lease, finish and unknown times consistent on every path through the table', () => {
  const walk = fc.array(fc.record({ command: fc.constantFrom(...commands), paused: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(walk, (steps) => {
      let task = taskIn('pending');
      for (const { command, paused } of steps) {
        if (!findTaskTransition(task.status, command)) continue;
        const before = task;
        task = applyTransition(task, command, { paused, now: NOW + 1 }).task;
        expect(task.version).toBe(before.version + 1);
        expect(task.finishedAt !== undefined).toBe(isFinished(task.status));
        if (task.status !== 'fetched' && task.status !== 'unknown') expect(task.leaseExpiresAt).toBeUndefined();
        if (task.status !== 'unknown') expect(task.unknownAt).toBeUndefined();
        if (before.status === 'completed') throw new Error('a completed task moved');
      }
    }),
  );
});

it('shows every state with its old code', () => {
  for (const status of taskStatuses) expect(statusFromProto(statusToProto(status))).toBe(status);
  expect(taskStatuses.map(statusCode)).toEqual([0, 0, 0, 0, 0, 1, 2, 2, 2]);
});
