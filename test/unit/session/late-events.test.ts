import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { EventSchema, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/app-error.ts';
import { onTaskChanged } from '../../../services/session/events.ts';
import { sweepSessionTimers } from '../../../services/session/jobs/session-timers.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../support/session/session-harness.ts';

let harness: SessionHarness;
let sessionId: string;
beforeEach(async () => {
  harness = await startSessionHarness();
  ({ sessionId } = await harness.sessions.createSession(createSessionRequest()));
  return () => harness[Symbol.asyncDispose]();
});

const state = async () => (await harness.sessions.getSession({ sessionId })).session?.state;
const deliverTaskEvent = (change: TaskChange, taskStatus: TaskStatus, finishedAt = harness.clock.now()) => {
  const task = { taskId: 'tsk_1', sessionId, taskStatus, finishedAt: timestampFromMs(finishedAt) };
  const payload = { case: 'taskChanged' as const, value: { task, change, reason: 'window_closed', othersOpen: false } };
  return harness.inBackground(() => onTaskChanged(harness.deps)(create(EventSchema, { sessionId, payload })));
};

describe('a late event', () => {
  it('of a completed task does not activate a session that has become idle since', async () => {
    const finishedAt = harness.clock.now();
    await deliverTaskEvent(TaskChange.COMPLETED, TaskStatus.COMPLETED, finishedAt);
    expect(await state()).toBe(SessionState.ACTIVE);
    harness.clock.advance({ minutes: 31 });
    await sweepSessionTimers(harness.deps);
    expect(await state()).toBe(SessionState.IDLE);
    await deliverTaskEvent(TaskChange.COMPLETED, TaskStatus.COMPLETED, finishedAt);
    expect(await state()).toBe(SessionState.IDLE);
    await deliverTaskEvent(TaskChange.COMPLETED, TaskStatus.COMPLETED);
    expect(await state()).toBe(SessionState.ACTIVE);
  });

  it('of a failed task does not cancel a session that has got another one since', async () => {
    harness.fakes.tasks = [{ taskId: 'tsk_2', sessionId, taskStatus: TaskStatus.PENDING, taskStatusCode: 0 }];
    await deliverTaskEvent(TaskChange.FAILED, TaskStatus.FAILED);
    expect(await state()).toBe(SessionState.PENDING);
    harness.fakes.tasks = [{ taskId: 'tsk_2', sessionId, taskStatus: TaskStatus.FAILED, taskStatusCode: 2 }];
    await deliverTaskEvent(TaskChange.FAILED, TaskStatus.FAILED);
    expect(await state()).toBe(SessionState.CANCELLED);
  });
});

describe('a late repeat', () => {
  const agent = () => ({ session: sessionId, agentId: 'a', agentName: '王' });

  it('of a takeover that changed nothing is superseded, and does not take over again', async () => {
    await harness.sessions.takeOverSession(agent());
    const second = { ...agent(), idempotencyKey: 'second' };
    await harness.sessions.takeOverSession(second);
    await harness.sessions.releaseSession({ session: sessionId, agentId: 'a' });
    const late = await harness.sessions.takeOverSession(second).catch(errorInfo);
    expect(late).toMatchObject({ reason: ErrorReason.SUPERSEDED });
    expect(await state()).toBe(SessionState.ACTIVE);
    const other = { ...second, agentName: '李' };
    const refusal = await harness.sessions.takeOverSession(other).catch(errorInfo);
    expect(refusal).toMatchObject({ reason: ErrorReason.IDEMPOTENCY_KEY_REUSED });
  });

  it('of a creation that was a repeat itself opens nothing', async () => {
    const body = createSessionRequest();
    const first = await harness.sessions.createSession(body);
    const again = { ...body, idempotencyKey: 'again' };
    expect(await harness.sessions.createSession(again)).toEqual(first);
    await harness.sessions.closeSession({ sessionId: first.sessionId, outcome: 2 });
    expect((await harness.sessions.createSession(again)).sessionId).toBe(first.sessionId);
  });
});

describe('a task for a session that is closed while it is stored', () => {
  it('is refused', async () => {
    harness.fakes.withdrawReason = 'session_closed';
    const wish = { sessionId, externalTaskId: 'ext', sendContent: '在吗' };
    const refusal = () => harness.sessions.addSessionTask(wish).catch(errorInfo);
    expect(await refusal()).toMatchObject({ reason: ErrorReason.HANDED_OVER });
    await harness.sessions.closeSession({ sessionId });
    expect(await refusal()).toMatchObject({ reason: ErrorReason.INVALID_STATUS });
  });
});
