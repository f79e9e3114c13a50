import { timestampMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control, SessionState, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';

let harness: SessionHarness;
beforeEach(async () => {
  harness = await startSessionHarness();
  return () => harness[Symbol.asyncDispose]();
});

const refusal = (pending: Promise<unknown>) =>
  pending.then(
    () => undefined,
    (error) => errorInfo(error),
  );

describe('creating a session', () => {
  it('opens it and sends its first task, in the call and in the event', async () => {
    const answer = await harness.sessions.createSession(createSessionRequest());
    expect(answer).toMatchObject({ state: SessionState.PENDING, status: Control.BOT_ACTIVE, takenFromBot: false });
    expect(harness.fakes.createTaskRequests).toMatchObject([
      { task: { taskId: answer.taskId, ownerEpoch: 1 }, paused: false },
    ]);
    const [event] = await harness.events(answer.sessionId);
    expect(event).toMatchObject({ sourceSeq: 1, accountId: expect.stringMatching(/^acc-/) });
    expect(event?.payload).toMatchObject({ case: 'sessionCreated', value: { task: { taskId: answer.taskId } } });
  });

  it('answers 503 while task-dispatch is away, and the same ids to the repeat', async () => {
    const body = createSessionRequest();
    harness.fakes.unavailable = true;
    const { reason, metadata } = (await refusal(harness.sessions.createSession(body))) ?? {};
    expect(reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    harness.fakes.unavailable = false;
    const answer = await harness.sessions.createSession(body);
    expect(answer).toMatchObject({ sessionId: metadata?.session_id, taskId: metadata?.task_id });
    expect(harness.fakes.createTaskRequests).toHaveLength(1);
  });

  it('gives a repeat of the body the first ids, with or without its defaults, until the session is cancelled', async () => {
    const body = createSessionRequest();
    const first = await harness.sessions.createSession(body);
    const explicit = { ...body, platform: '淘天', level: 3, maxInactiveMinutes: 120, maxAttempts: 1 };
    expect(await harness.sessions.createSession(explicit)).toMatchObject({
      sessionId: first.sessionId,
      taskId: first.taskId,
    });
    await harness.sessions.closeSession({ sessionId: first.sessionId, outcome: 1 });
    expect((await harness.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    harness.clock.advance({ hours: 25 });
    const second = await harness.sessions.createSession(body);
    expect(second.sessionId).not.toBe(first.sessionId);
    await harness.sessions.closeSession({ sessionId: second.sessionId, outcome: 2 });
    expect((await harness.sessions.createSession(body)).sessionId).not.toBe(second.sessionId);
  });

  it('refuses a second one, naming the holder and when it will be free', async () => {
    const body = createSessionRequest({ maxInactiveMinutes: 30 });
    const holder = await harness.sessions.createSession(body);
    const refused = await refusal(harness.sessions.createSession({ ...body, externalTaskId: 'other' }));
    expect(refused).toMatchObject({
      reason: ErrorReason.UNAVAILABLE,
      metadata: {
        conflict_session_id: holder.sessionId,
        conflict_state: 'pending',
        conflict_task_type: 'auto_bargain',
      },
    });
    const created = holder.createdAt ? timestampMs(holder.createdAt) : 0;
    expect(Date.parse(refused?.metadata.available_at ?? '')).toBe(created + 30 * 60_000);
  });

  it('replaces a session of the bot that has timed out', async () => {
    const body = createSessionRequest({ maxInactiveMinutes: 30 });
    const first = await harness.sessions.createSession(body);
    harness.clock.advance({ minutes: 31 });
    const second = await harness.sessions.createSession({ ...body, externalTaskId: 'other' });
    const { session } = await harness.sessions.getSession({ sessionId: first.sessionId });
    expect(session).toMatchObject({ state: SessionState.TIMEOUT, closeReason: 'inactive' });
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(harness.fakes.raiseFenceRequests.at(-1)).toMatchObject({
      sessionId: first.sessionId,
      cancelReason: 'session_closed',
    });
  });

  it('escalates the bot’s session for a manual task, and gives the repeat the same', async () => {
    const body = createSessionRequest();
    const bot = await harness.sessions.createSession(body);
    const manual = { ...body, taskType: TaskType.MANUAL_COMPLAINT, externalTaskId: 'manual', sendContent: '' };
    harness.fakes.possiblySent = [bot.taskId];
    const expected = {
      sessionId: bot.sessionId,
      taskId: '',
      takenFromBot: true,
      status: Control.PENDING_MANUAL,
      possiblySent: [{ taskId: bot.taskId }],
    };
    expect(await harness.sessions.createSession(manual)).toMatchObject(expected);
    expect(await harness.sessions.createSession(manual)).toMatchObject(expected);
    const { session } = await harness.sessions.getSession({ sessionId: bot.sessionId });
    expect(session).toMatchObject({ ownerEpoch: 2, escalation: { severity: Severity.MEDIUM } });
    const second = { ...manual, externalTaskId: 'manual-2' };
    expect(await refusal(harness.sessions.createSession(second))).toMatchObject({ reason: ErrorReason.UNAVAILABLE });
  });

  it('opens a human session without a task for a manual type', async () => {
    const manual = createSessionRequest({ taskType: TaskType.MANUAL_URGENT, sendContent: '' });
    expect(await harness.sessions.createSession(manual)).toMatchObject({ taskId: '', status: Control.PENDING_MANUAL });
    expect(harness.fakes.createTaskRequests).toHaveLength(0);
  });

  it('gives the slot to exactly one of 30 clients, whatever shop ids they use for one name', async () => {
    const body = createSessionRequest();
    const callers = Array.from({ length: 30 }, (_, i) =>
      refusal(harness.sessions.createSession({ ...body, shopId: `${body.shopId}-${i % 3}`, externalTaskId: `e${i}` })),
    );
    const refused = (await Promise.all(callers)).filter((answer) => answer !== undefined);
    expect(refused).toHaveLength(29);
    expect(new Set(refused.map((answer) => answer.metadata.conflict_session_id)).size).toBe(1);
  });

  it('keeps tenants apart', async () => {
    const body = createSessionRequest();
    const ours = await harness.sessions.createSession(body);
    const theirs = await harness.as('other').createSession(body);
    expect(theirs.sessionId).not.toBe(ours.sessionId);
    expect(await refusal(harness.as('other').getSession({ sessionId: ours.sessionId }))).toMatchObject({
      reason: ErrorReason.SESSION_NOT_FOUND,
    });
  });

  it('prefers an explicit idempotency key to the body, and refuses it for another body', async () => {
    const body = createSessionRequest({ idempotencyKey: 'k1' });
    const first = await harness.sessions.createSession(body);
    await harness.sessions.closeSession({ sessionId: first.sessionId, outcome: 2 });
    expect((await harness.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    expect(await refusal(harness.sessions.createSession({ ...body, vip: true }))).toMatchObject({
      reason: ErrorReason.IDEMPOTENCY_KEY_REUSED,
    });
  });
});
