import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { EventSchema, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/refuse.ts';
import { sweepDeadlines } from '../../../services/session/deadlines.ts';
import { onTaskChanged } from '../../../services/session/events.ts';
import { creation, type SessionWorld, startSessionWorld } from './harness.ts';

let world: SessionWorld;
let sessionId: string;
beforeEach(async () => {
  world = await startSessionWorld();
  ({ sessionId } = await world.sessions.createSession(creation()));
  return () => world[Symbol.asyncDispose]();
});

const state = async () => (await world.sessions.getSession({ sessionId })).session?.state;
const hear = (change: TaskChange, taskStatus: TaskStatus, finishedAt = world.clock.now()) => {
  const task = { taskId: 'tsk_1', sessionId, taskStatus, finishedAt: timestampFromMs(finishedAt) };
  const payload = { case: 'taskChanged' as const, value: { task, change, reason: 'window_closed', othersOpen: false } };
  return world.inBackground(() => onTaskChanged(world.deps)(create(EventSchema, { sessionId, payload })));
};

describe('an event that comes late', () => {
  it('of a completed task does not wake a session that has become idle since', async () => {
    const finishedAt = world.clock.now();
    await hear(TaskChange.COMPLETED, TaskStatus.COMPLETED, finishedAt);
    expect(await state()).toBe(SessionState.ACTIVE);
    world.clock.advance({ minutes: 31 });
    await sweepDeadlines(world.deps);
    expect(await state()).toBe(SessionState.IDLE);
    await hear(TaskChange.COMPLETED, TaskStatus.COMPLETED, finishedAt);
    expect(await state()).toBe(SessionState.IDLE);
    await hear(TaskChange.COMPLETED, TaskStatus.COMPLETED);
    expect(await state()).toBe(SessionState.ACTIVE);
  });

  it('of a failed task does not cancel a session that has got another one since', async () => {
    world.neighbours.tasks = [{ taskId: 'tsk_2', sessionId, taskStatus: TaskStatus.PENDING, taskStatusCode: 0 }];
    await hear(TaskChange.FAILED, TaskStatus.FAILED);
    expect(await state()).toBe(SessionState.PENDING);
    world.neighbours.tasks = [{ taskId: 'tsk_2', sessionId, taskStatus: TaskStatus.FAILED, taskStatusCode: 2 }];
    await hear(TaskChange.FAILED, TaskStatus.FAILED);
    expect(await state()).toBe(SessionState.CANCELLED);
  });
});

describe('a repeat that comes late', () => {
  const agent = () => ({ session: sessionId, agentId: 'a', agentName: '王' });

  it('of a takeover that changed nothing is superseded, and does not take over again', async () => {
    await world.sessions.takeOverSession(agent());
    const second = { ...agent(), idempotencyKey: 'second' };
    await world.sessions.takeOverSession(second);
    await world.sessions.releaseSession({ session: sessionId, agentId: 'a' });
    const late = await world.sessions.takeOverSession(second).catch(errorInfo);
    expect(late).toMatchObject({ reason: ErrorReason.SUPERSEDED });
    expect(await state()).toBe(SessionState.ACTIVE);
    const other = { ...second, agentName: '李' };
    const refusal = await world.sessions.takeOverSession(other).catch(errorInfo);
    expect(refusal).toMatchObject({ reason: ErrorReason.IDEMPOTENCY_KEY_REUSED });
  });

  it('of a creation that was a repeat itself opens nothing', async () => {
    const body = creation();
    const first = await world.sessions.createSession(body);
    const again = { ...body, idempotencyKey: 'again' };
    expect(await world.sessions.createSession(again)).toEqual(first);
    await world.sessions.closeSession({ sessionId: first.sessionId, outcome: 2 });
    expect((await world.sessions.createSession(again)).sessionId).toBe(first.sessionId);
  });
});

describe('a task for a session that is closed while it is stored', () => {
  it('is refused', async () => {
    world.neighbours.withdraws = 'session_closed';
    const wish = { sessionId, externalTaskId: 'ext', sendContent: '在吗' };
    const refusal = () => world.sessions.addSessionTask(wish).catch(errorInfo);
    expect(await refusal()).toMatchObject({ reason: ErrorReason.HANDED_OVER });
    await world.sessions.closeSession({ sessionId });
    expect(await refusal()).toMatchObject({ reason: ErrorReason.INVALID_STATUS });
  });
});
