import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/refuse.ts';
import { creation, type SessionWorld, startSessionWorld } from './harness.ts';

let world: SessionWorld;
let sessionId: string;
beforeEach(async () => {
  world = await startSessionWorld();
  ({ sessionId } = await world.sessions.createSession(creation()));
  return () => world[Symbol.asyncDispose]();
});

const reasonOf = (pending: Promise<unknown>) =>
  pending.then(
    () => 'no refusal',
    (error) => ErrorReason[errorInfo(error)?.reason ?? 0],
  );
const agent = (agentId: string) => ({ session: sessionId, agentId, agentName: `客服${agentId}` });
const load = async () => (await world.sessions.getSession({ sessionId })).session;

describe('commands on a session', () => {
  it('escalate once, with the reason’s severity, and list what is out each time', async () => {
    world.neighbours.out = ['tsk_out'];
    const answer = { status: Control.PENDING_MANUAL, possiblySent: [{ taskId: 'tsk_out' }] };
    const first = await world.sessions.escalateSession({ sessionName: sessionId, context: { order: 7 } });
    expect(first).toMatchObject(answer);
    expect(first.escalation).toMatchObject({ reason: HandoverReason.USER_REQUEST, severity: Severity.MEDIUM });
    world.neighbours.out = [];
    expect(await world.sessions.escalateSession({ sessionId })).toMatchObject({ ...answer, possiblySent: [] });
    expect(await load()).toMatchObject({ version: 2, ownerEpoch: 2, escalation: { context: { order: 7 } } });
    await world.sessions.takeOverSession(agent('a'));
    expect(await reasonOf(world.sessions.escalateSession({ sessionId }))).toBe('MANUAL_IN_PROGRESS');
  });

  it('let one of two racing agents take over; the other learns who', async () => {
    const results = await Promise.all(
      ['a', 'b'].map((id) => world.sessions.takeOverSession(agent(id)).catch((error) => errorInfo(error))),
    );
    const winner = (await load())?.assignedAgent?.agentId;
    const lost = results.find((result) => result && 'reason' in result);
    expect(lost).toMatchObject({ reason: ErrorReason.ALREADY_TAKEN, metadata: { agent_id: winner } });
    const repeat = await world.sessions.takeOverSession(agent(winner ?? ''));
    expect(repeat.session).toMatchObject({ version: 2, status: Control.MANUAL_LIVE });
  });

  it('release to the bot, by the agent who has it, repeatably', async () => {
    await world.sessions.takeOverSession(agent('a'));
    expect(await reasonOf(world.sessions.releaseSession(agent('b')))).toBe('NOT_YOUR_SESSION');
    const first = await world.sessions.releaseSession(agent('a'));
    expect(first).toMatchObject({ status: Control.BOT_ACTIVE, state: SessionState.ACTIVE });
    expect(await world.sessions.releaseSession(agent('a'))).toEqual(first);
    expect(await reasonOf(world.sessions.releaseSession(agent('b')))).toBe('INVALID_STATUS');
    const events = (await world.events(sessionId)).map((event) => event.payload.value);
    expect(events[2]).toMatchObject({ command: 'release', reason: 'resolved', actor: 'a', tasksFromEpoch: 3 });
  });

  it('pause and resume, with a new end on repeat and none in the past', async () => {
    const resumeAt = timestampFromMs(world.clock.now() + 60_000);
    expect(await world.sessions.pauseSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 2 } });
    const again = await world.sessions.pauseSession({ sessionId, resumeAt });
    expect(again.session).toMatchObject({ state: SessionState.PAUSED, ownerEpoch: 2, resumeAt });
    expect(world.neighbours.raised.at(-1)).toMatchObject({ paused: true, tasksFromEpoch: 1 });
    expect(await world.sessions.resumeSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 3 } });
    expect(await world.sessions.resumeSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 3 } });
    const past = timestampFromMs(world.clock.now() - 1);
    expect(await reasonOf(world.sessions.pauseSession({ sessionId, resumeAt: past }))).toBe('INVALID_ARGUMENT');
  });

  it('close once, then archive', async () => {
    expect(await reasonOf(world.sessions.archiveSession({ sessionId }))).toBe('INVALID_STATUS');
    const first = await world.sessions.closeSession({ sessionId });
    expect(first.session).toMatchObject({ state: SessionState.COMPLETED, status: Control.CLOSED });
    expect(await world.sessions.closeSession({ sessionId, outcome: 1 })).toEqual(first);
    expect(await reasonOf(world.sessions.closeSession({ sessionId, outcome: 2 }))).toBe('INVALID_STATUS');
    expect(world.neighbours.raised.at(-1)).toMatchObject({ cancelReason: 'session_closed' });
    await world.sessions.archiveSession({ sessionId });
    expect((await world.sessions.archiveSession({ sessionId })).session?.state).toBe(SessionState.ARCHIVED);
    expect(await reasonOf(world.sessions.takeOverSession(agent('a')))).toBe('INVALID_STATUS');
  });

  it('answer 503 until the fence has confirmed the change, also to readers', async () => {
    world.neighbours.down = true;
    expect(await reasonOf(world.sessions.escalateSession({ sessionId }))).toBe('SERVICE_UNAVAILABLE');
    expect(await reasonOf(world.sessions.getSession({ sessionId }))).toBe('SERVICE_UNAVAILABLE');
    world.neighbours.down = false;
    expect(await load()).toMatchObject({ status: Control.PENDING_MANUAL, ownerEpoch: 2 });
    expect(world.neighbours.raised).toMatchObject([{ ownerEpoch: 2, tasksFromEpoch: 2, cancelReason: 'handed_over' }]);
    await load();
    expect(world.neighbours.raised).toHaveLength(1);
  });

  it('confirm the fence anew for an answer that was recorded', async () => {
    const request = { ...agent('a'), idempotencyKey: 'k' };
    const first = await world.sessions.takeOverSession(request);
    world.neighbours.out = ['tsk_late'];
    const repeat = await world.sessions.takeOverSession(request);
    expect(repeat.session).toEqual(first.session);
    expect(repeat.possiblySent).toMatchObject([{ taskId: 'tsk_late' }]);
    expect(await world.events(sessionId)).toHaveLength(2);
  });

  it('number their events without gaps, whatever races', async () => {
    const agents = Array.from({ length: 8 }, (_, i) => `agent-${i}`);
    await Promise.all(
      agents.map(async (id) => {
        await world.sessions.takeOverSession(agent(id)).catch(() => {});
        await world.sessions.releaseSession(agent(id)).catch(() => {});
        await world.sessions.pauseSession({ sessionId }).catch(() => {});
      }),
    );
    const events = await world.events(sessionId);
    expect(events.map((event) => event.sourceSeq)).toEqual(events.map((_, i) => i + 1));
    expect(await load()).toMatchObject({ sourceSeq: events.length, version: events.length });
  });

  it('refuse what they cannot name or hold', async () => {
    expect(await reasonOf(world.sessions.pauseSession({ sessionId: 'ses_none' }))).toBe('SESSION_NOT_FOUND');
    const two = world.sessions.escalateSession({ sessionId, sessionName: 'other' });
    expect(await reasonOf(two)).toBe('INVALID_ARGUMENT');
    const large = world.sessions.escalateSession({ sessionId, context: { text: 'x'.repeat(65_536) } });
    expect(await reasonOf(large)).toBe('TOO_LARGE');
  });
});

describe('further tasks and outcomes', () => {
  const task = { externalTaskId: 'more', sendContent: '还在吗' };

  it('are taken while the bot has the word', async () => {
    const added = await world.sessions.addSessionTask({ sessionId, ...task });
    expect(world.neighbours.created.at(-1)).toMatchObject({
      task: { taskId: added.task?.taskId, ownerEpoch: 1 },
      reuseSeconds: 86_400,
    });
    await world.sessions.pauseSession({ sessionId });
    await world.sessions.addSessionTask({ sessionId, ...task });
    expect(world.neighbours.created.at(-1)).toMatchObject({ task: { ownerEpoch: 2 }, paused: true });
    await world.sessions.escalateSession({ sessionId });
    expect(await reasonOf(world.sessions.addSessionTask({ sessionId, ...task }))).toBe('HANDED_OVER');
    await world.sessions.closeSession({ sessionId });
    expect(await reasonOf(world.sessions.addSessionTask({ sessionId, ...task }))).toBe('INVALID_STATUS');
  });

  it('activate a pending session by success', async () => {
    const outcome = { sessionId, taskId: 't', success: true };
    expect((await world.sessions.recordTaskOutcome(outcome)).session?.state).toBe(SessionState.ACTIVE);
    expect((await world.sessions.recordTaskOutcome(outcome)).session?.version).toBe(2);
  });

  it('cancel a session that never became active by its last failure', async () => {
    const outcome = { sessionId, taskId: 't', success: false, reason: '风控' };
    const others = await world.sessions.recordTaskOutcome({ ...outcome, othersOpen: true });
    expect(others.session?.state).toBe(SessionState.PENDING);
    const { session } = await world.sessions.recordTaskOutcome(outcome);
    expect(session).toMatchObject({ state: SessionState.CANCELLED, closeReason: 'task_failed: 风控' });
    expect((await world.sessions.recordTaskOutcome({ ...outcome, success: true })).session).toMatchObject({
      version: 2,
    });
  });
});
