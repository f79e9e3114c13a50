import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control, HandoverReason, SessionState, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';

let harness: SessionHarness;
let sessionId: string;
beforeEach(async () => {
  harness = await startSessionHarness();
  ({ sessionId } = await harness.sessions.createSession(createSessionRequest()));
  return () => harness[Symbol.asyncDispose]();
});

const reasonOf = (pending: Promise<unknown>) =>
  pending.then(
    () => 'no refusal',
    (error) => ErrorReason[errorInfo(error)?.reason ?? 0],
  );
const agent = (agentId: string) => ({ session: sessionId, agentId, agentName: `客服${agentId}` });
const load = async () => (await harness.sessions.getSession({ sessionId })).session;

describe('commands on a session', () => {
  it('escalate once, with the reason’s severity, and list the tasks that may have been sent each time', async () => {
    harness.fakes.possiblySent = ['tsk_out'];
    const answer = { status: Control.PENDING_MANUAL, possiblySent: [{ taskId: 'tsk_out' }] };
    const first = await harness.sessions.escalateSession({ sessionName: sessionId, context: { order: 7 } });
    expect(first).toMatchObject(answer);
    expect(first.escalation).toMatchObject({ reason: HandoverReason.USER_REQUEST, severity: Severity.MEDIUM });
    harness.fakes.possiblySent = [];
    expect(await harness.sessions.escalateSession({ sessionId })).toMatchObject({ ...answer, possiblySent: [] });
    expect(await load()).toMatchObject({ version: 2, ownerEpoch: 2, escalation: { context: { order: 7 } } });
    await harness.sessions.takeOverSession(agent('a'));
    expect(await reasonOf(harness.sessions.escalateSession({ sessionId }))).toBe('MANUAL_IN_PROGRESS');
  });

  it('let one of two concurrent agents take over; the other gets that agent’s name', async () => {
    const results = await Promise.all(
      ['a', 'b'].map((id) => harness.sessions.takeOverSession(agent(id)).catch((error) => errorInfo(error))),
    );
    const winner = (await load())?.assignedAgent?.agentId;
    const lost = results.find((result) => result && 'reason' in result);
    expect(lost).toMatchObject({ reason: ErrorReason.ALREADY_TAKEN, metadata: { agent_id: winner } });
    const repeat = await harness.sessions.takeOverSession(agent(winner ?? ''));
    expect(repeat.session).toMatchObject({ version: 2, status: Control.MANUAL_LIVE });
  });

  it('release to the bot, by the agent in control, repeatably', async () => {
    await harness.sessions.takeOverSession(agent('a'));
    expect(await reasonOf(harness.sessions.releaseSession(agent('b')))).toBe('NOT_YOUR_SESSION');
    const first = await harness.sessions.releaseSession(agent('a'));
    expect(first).toMatchObject({ status: Control.BOT_ACTIVE, state: SessionState.ACTIVE });
    expect(await harness.sessions.releaseSession(agent('a'))).toEqual(first);
    expect(await reasonOf(harness.sessions.releaseSession(agent('b')))).toBe('INVALID_STATUS');
    const events = (await harness.events(sessionId)).map((event) => event.payload.value);
    expect(events[2]).toMatchObject({ command: 'release', reason: 'resolved', actor: 'a', tasksFromEpoch: 3 });
  });

  it('pause and resume, with a new end on repeat and none in the past', async () => {
    const resumeAt = timestampFromMs(harness.clock.now() + 60_000);
    expect(await harness.sessions.pauseSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 2 } });
    const again = await harness.sessions.pauseSession({ sessionId, resumeAt });
    expect(again.session).toMatchObject({ state: SessionState.PAUSED, ownerEpoch: 2, resumeAt });
    expect(harness.fakes.raiseFenceRequests.at(-1)).toMatchObject({ paused: true, tasksFromEpoch: 1 });
    expect(await harness.sessions.resumeSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 3 } });
    expect(await harness.sessions.resumeSession({ sessionId })).toMatchObject({ session: { ownerEpoch: 3 } });
    const past = timestampFromMs(harness.clock.now() - 1);
    expect(await reasonOf(harness.sessions.pauseSession({ sessionId, resumeAt: past }))).toBe('INVALID_ARGUMENT');
  });

  it('close once, then archive', async () => {
    expect(await reasonOf(harness.sessions.archiveSession({ sessionId }))).toBe('INVALID_STATUS');
    const first = await harness.sessions.closeSession({ sessionId });
    expect(first.session).toMatchObject({ state: SessionState.COMPLETED, status: Control.CLOSED });
    expect(await harness.sessions.closeSession({ sessionId, outcome: 1 })).toEqual(first);
    expect(await reasonOf(harness.sessions.closeSession({ sessionId, outcome: 2 }))).toBe('INVALID_STATUS');
    expect(harness.fakes.raiseFenceRequests.at(-1)).toMatchObject({ cancelReason: 'session_closed' });
    await harness.sessions.archiveSession({ sessionId });
    expect((await harness.sessions.archiveSession({ sessionId })).session?.state).toBe(SessionState.ARCHIVED);
    expect(await reasonOf(harness.sessions.takeOverSession(agent('a')))).toBe('INVALID_STATUS');
  });

  it('answer 503 until the fence has confirmed the change, also to readers', async () => {
    harness.fakes.unavailable = true;
    expect(await reasonOf(harness.sessions.escalateSession({ sessionId }))).toBe('SERVICE_UNAVAILABLE');
    expect(await reasonOf(harness.sessions.getSession({ sessionId }))).toBe('SERVICE_UNAVAILABLE');
    harness.fakes.unavailable = false;
    expect(await load()).toMatchObject({ status: Control.PENDING_MANUAL, ownerEpoch: 2 });
    expect(harness.fakes.raiseFenceRequests).toMatchObject([
      { ownerEpoch: 2, tasksFromEpoch: 2, cancelReason: 'handed_over' },
    ]);
    await load();
    expect(harness.fakes.raiseFenceRequests).toHaveLength(1);
  });

  it('confirm the fence again for a stored response', async () => {
    const request = { ...agent('a'), idempotencyKey: 'k' };
    const first = await harness.sessions.takeOverSession(request);
    harness.fakes.possiblySent = ['tsk_late'];
    const repeat = await harness.sessions.takeOverSession(request);
    expect(repeat.session).toEqual(first.session);
    expect(repeat.possiblySent).toMatchObject([{ taskId: 'tsk_late' }]);
    expect(await harness.events(sessionId)).toHaveLength(2);
  });

  it('number their events without gaps under concurrency', async () => {
    const agents = Array.from({ length: 8 }, (_, i) => `agent-${i}`);
    await Promise.all(
      agents.map(async (id) => {
        await harness.sessions.takeOverSession(agent(id)).catch(() => {});
        await harness.sessions.releaseSession(agent(id)).catch(() => {});
        await harness.sessions.pauseSession({ sessionId }).catch(() => {});
      }),
    );
    const events = await harness.events(sessionId);
    expect(events.map((event) => event.sourceSeq)).toEqual(events.map((_, i) => i + 1));
    expect(await load()).toMatchObject({ sourceSeq: events.length, version: events.length });
  });

  it('refuse unknown sessions and contexts that are too large', async () => {
    expect(await reasonOf(harness.sessions.pauseSession({ sessionId: 'ses_none' }))).toBe('SESSION_NOT_FOUND');
    const two = harness.sessions.escalateSession({ sessionId, sessionName: 'other' });
    expect(await reasonOf(two)).toBe('INVALID_ARGUMENT');
    const large = harness.sessions.escalateSession({ sessionId, context: { text: 'x'.repeat(65_536) } });
    expect(await reasonOf(large)).toBe('TOO_LARGE');
  });
});

describe('further tasks and outcomes', () => {
  const task = { externalTaskId: 'more', sendContent: '还在吗' };

  it('are accepted while the bot is in control', async () => {
    const added = await harness.sessions.addSessionTask({ sessionId, ...task });
    expect(harness.fakes.createTaskRequests.at(-1)).toMatchObject({
      task: { taskId: added.task?.taskId, ownerEpoch: 1 },
      reuseSeconds: 86_400,
    });
    await harness.sessions.pauseSession({ sessionId });
    await harness.sessions.addSessionTask({ sessionId, ...task });
    expect(harness.fakes.createTaskRequests.at(-1)).toMatchObject({ task: { ownerEpoch: 2 }, paused: true });
    await harness.sessions.escalateSession({ sessionId });
    expect(await reasonOf(harness.sessions.addSessionTask({ sessionId, ...task }))).toBe('HANDED_OVER');
    await harness.sessions.closeSession({ sessionId });
    expect(await reasonOf(harness.sessions.addSessionTask({ sessionId, ...task }))).toBe('INVALID_STATUS');
  });

  it('activate a pending session by success', async () => {
    const outcome = { sessionId, taskId: 't', success: true };
    expect((await harness.sessions.recordTaskOutcome(outcome)).session?.state).toBe(SessionState.ACTIVE);
    expect((await harness.sessions.recordTaskOutcome(outcome)).session?.version).toBe(2);
  });

  it('cancel a session that never became active by its last failure', async () => {
    const outcome = { sessionId, taskId: 't', success: false, reason: '风控' };
    const others = await harness.sessions.recordTaskOutcome({ ...outcome, othersOpen: true });
    expect(others.session?.state).toBe(SessionState.PENDING);
    const { session } = await harness.sessions.recordTaskOutcome(outcome);
    expect(session).toMatchObject({ state: SessionState.CANCELLED, closeReason: 'task_failed: 风控' });
    expect((await harness.sessions.recordTaskOutcome({ ...outcome, success: true })).session).toMatchObject({
      version: 2,
    });
  });
});
