import { timestampMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/refuse.ts';
import { creation, type SessionWorld, startSessionWorld } from './harness.ts';

let world: SessionWorld;
beforeEach(async () => {
  world = await startSessionWorld();
  return () => world[Symbol.asyncDispose]();
});

const refusal = (pending: Promise<unknown>) =>
  pending.then(
    () => undefined,
    (error) => errorInfo(error),
  );

describe('creating a session', () => {
  it('opens it and hands its first task over, in the call and in the event', async () => {
    const answer = await world.sessions.createSession(creation());
    expect(answer).toMatchObject({ state: SessionState.PENDING, status: Control.BOT_ACTIVE, takenFromBot: false });
    expect(world.neighbours.created).toMatchObject([{ task: { taskId: answer.taskId, ownerEpoch: 1 }, paused: false }]);
    const [event] = await world.events(answer.sessionId);
    expect(event).toMatchObject({ sourceSeq: 1, accountId: expect.stringMatching(/^acc-/) });
    expect(event?.payload).toMatchObject({ case: 'sessionCreated', value: { task: { taskId: answer.taskId } } });
  });

  it('answers 503 while task-dispatch is away, and the same ids to the repeat', async () => {
    const body = creation();
    world.neighbours.down = true;
    const { reason, metadata } = (await refusal(world.sessions.createSession(body))) ?? {};
    expect(reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    world.neighbours.down = false;
    const answer = await world.sessions.createSession(body);
    expect(answer).toMatchObject({ sessionId: metadata?.session_id, taskId: metadata?.task_id });
    expect(world.neighbours.created).toHaveLength(1);
  });

  it('gives the same body the first ids, with or without its defaults, until it failed', async () => {
    const body = creation();
    const first = await world.sessions.createSession(body);
    const explicit = { ...body, platform: '淘天', level: 3, maxInactiveMinutes: 120, maxAttempts: 1 };
    expect(await world.sessions.createSession(explicit)).toMatchObject({
      sessionId: first.sessionId,
      taskId: first.taskId,
    });
    await world.sessions.closeSession({ sessionId: first.sessionId, outcome: 1 });
    expect((await world.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    world.clock.advance({ hours: 25 });
    const second = await world.sessions.createSession(body);
    expect(second.sessionId).not.toBe(first.sessionId);
    await world.sessions.closeSession({ sessionId: second.sessionId, outcome: 2 });
    expect((await world.sessions.createSession(body)).sessionId).not.toBe(second.sessionId);
  });

  it('refuses a second one, naming the holder and when it will be free', async () => {
    const body = creation({ maxInactiveMinutes: 30 });
    const holder = await world.sessions.createSession(body);
    const refused = await refusal(world.sessions.createSession({ ...body, externalTaskId: 'other' }));
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

  it('replaces a bot’s session that is past its time', async () => {
    const body = creation({ maxInactiveMinutes: 30 });
    const first = await world.sessions.createSession(body);
    world.clock.advance({ minutes: 31 });
    const second = await world.sessions.createSession({ ...body, externalTaskId: 'other' });
    const { session } = await world.sessions.getSession({ sessionId: first.sessionId });
    expect(session).toMatchObject({ state: SessionState.TIMEOUT, closeReason: 'inactive' });
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(world.neighbours.raised.at(-1)).toMatchObject({
      sessionId: first.sessionId,
      cancelReason: 'session_closed',
    });
  });

  it('escalates the bot’s session for a manual task, and gives the repeat the same', async () => {
    const body = creation();
    const bot = await world.sessions.createSession(body);
    const manual = { ...body, taskType: TaskType.MANUAL_COMPLAINT, externalTaskId: 'manual', sendContent: '' };
    world.neighbours.out = [bot.taskId];
    const expected = {
      sessionId: bot.sessionId,
      taskId: '',
      takenFromBot: true,
      status: Control.PENDING_MANUAL,
      possiblySent: [{ taskId: bot.taskId }],
    };
    expect(await world.sessions.createSession(manual)).toMatchObject(expected);
    expect(await world.sessions.createSession(manual)).toMatchObject(expected);
    const { session } = await world.sessions.getSession({ sessionId: bot.sessionId });
    expect(session).toMatchObject({ ownerEpoch: 2, escalation: { severity: Severity.MEDIUM } });
    const second = { ...manual, externalTaskId: 'manual-2' };
    expect(await refusal(world.sessions.createSession(second))).toMatchObject({ reason: ErrorReason.UNAVAILABLE });
  });

  it('opens a human session without a task for a manual type', async () => {
    const manual = creation({ taskType: TaskType.MANUAL_URGENT, sendContent: '' });
    expect(await world.sessions.createSession(manual)).toMatchObject({ taskId: '', status: Control.PENDING_MANUAL });
    expect(world.neighbours.created).toHaveLength(0);
  });

  it('lets exactly one of 30 callers win, whatever shop ids they use for one name', async () => {
    const body = creation();
    const callers = Array.from({ length: 30 }, (_, i) =>
      refusal(world.sessions.createSession({ ...body, shopId: `${body.shopId}-${i % 3}`, externalTaskId: `e${i}` })),
    );
    const refused = (await Promise.all(callers)).filter((answer) => answer !== undefined);
    expect(refused).toHaveLength(29);
    expect(new Set(refused.map((answer) => answer.metadata.conflict_session_id)).size).toBe(1);
  });

  it('keeps tenants apart', async () => {
    const body = creation();
    const ours = await world.sessions.createSession(body);
    const theirs = await world.as('other').createSession(body);
    expect(theirs.sessionId).not.toBe(ours.sessionId);
    expect(await refusal(world.as('other').getSession({ sessionId: ours.sessionId }))).toMatchObject({
      reason: ErrorReason.SESSION_NOT_FOUND,
    });
  });

  it('lets an explicit key win, and refuses it for another body', async () => {
    const body = creation({ idempotencyKey: 'k1' });
    const first = await world.sessions.createSession(body);
    await world.sessions.closeSession({ sessionId: first.sessionId, outcome: 2 });
    expect((await world.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    expect(await refusal(world.sessions.createSession({ ...body, vip: true }))).toMatchObject({
      reason: ErrorReason.IDEMPOTENCY_KEY_REUSED,
    });
  });
});
