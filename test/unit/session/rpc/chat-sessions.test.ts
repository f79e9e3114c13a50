import { beforeEach, describe, expect, it } from 'vitest';
import { Control, HandoverReason, SessionState, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { sweepSessionTimers } from '../../../../services/session/jobs/session-timers.ts';
import { recordStatements } from '../../../support/db/sql-plans.ts';
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

const reasonOf = (pending: Promise<unknown>) =>
  pending.then(
    () => 'no refusal',
    (error) => ErrorReason[errorInfo(error)?.reason ?? 0],
  );
const open = async (sessionName: string, fields: object = {}) => {
  const { session } = await harness.sessions.openChatSession({ sessionName, ...fields });
  if (!session) throw new Error('no session');
  return session;
};
const load = async (sessionId: string) => (await harness.sessions.getSession({ sessionId })).session;

describe('opening a chat session', () => {
  it('makes one with the bot in control, and returns the same one again', async () => {
    const first = await open('u-1', { userId: 'user', botId: 'bot', vip: true });
    expect(first).toMatchObject({
      sessionName: 'u-1',
      userId: 'user',
      botId: 'bot',
      vip: true,
      ttlSeconds: 86_400,
      state: SessionState.ACTIVE,
      status: Control.BOT_ACTIVE,
      ownerEpoch: 1,
    });
    expect(first.sessionId).toMatch(/^ses_/);
    expect((await open('u-1')).sessionId).toBe(first.sessionId);
    const events = await harness.events(first.sessionId);
    expect(events.map(({ payload }) => payload.case)).toEqual(['sessionCreated']);
  });

  it('takes the name as the user when none is given', async () => {
    expect((await open('u-1')).userId).toBe('u-1');
  });

  it('stores a bot and the VIP flag once a later request has them', async () => {
    await open('u-1');
    expect(await open('u-1', { botId: 'bot', vip: true })).toMatchObject({ botId: 'bot', vip: true });
    expect(await open('u-1', { botId: 'other' })).toMatchObject({ botId: 'bot', vip: true });
  });

  it('reads one statement and writes nothing while the session is known and was active within a minute', async () => {
    await open('u-1', { botId: 'bot' });
    harness.clock.advance({ seconds: 59 });
    const statements = new Set<string>();
    {
      using _ = recordStatements(harness.deps.db.backend, statements);
      await open('u-1', { botId: 'bot' });
    }
    expect([...statements]).toHaveLength(1);
    expect([...statements][0]).toMatch(/^select .*open_name/);
  });

  it('is refused for the id of a session of an account and a shop, and for a name that routes need', async () => {
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    expect(await reasonOf(open(sessionId))).toBe('INVALID_STATUS');
    for (const name of ['ses_none', 'a/b', 'open']) expect(await reasonOf(open(name))).toBe('INVALID_ARGUMENT');
  });

  it('is apart in every tenant', async () => {
    const other = await harness.as('other').openChatSession({ sessionName: 'u-1' });
    expect(other.session?.sessionId).not.toBe((await open('u-1')).sessionId);
  });
});

describe('the name of a chat session', () => {
  it('means the open session, else the newest closed one', async () => {
    expect(await reasonOf(harness.sessions.getSession({ sessionId: 'u-1' }))).toBe('SESSION_NOT_FOUND');
    const first = await open('u-1');
    await harness.sessions.closeSession({ sessionId: 'u-1' });
    harness.clock.advance({ seconds: 1 });
    expect(await load('u-1')).toMatchObject({ sessionId: first.sessionId, state: SessionState.COMPLETED });
    const second = await open('u-1');
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(await load('u-1')).toMatchObject({ sessionId: second.sessionId });
    await harness.sessions.closeSession({ sessionId: 'u-1' });
    expect(await load('u-1')).toMatchObject({ sessionId: second.sessionId });
  });

  it('is accepted by every command', async () => {
    const { sessionId } = await open('u-1');
    const { sessions } = harness;
    const agent = { agentId: 'a', agentName: 'A' };
    await sessions.pauseSession({ sessionId: 'u-1' });
    await sessions.resumeSession({ sessionId: 'u-1' });
    await sessions.escalateSession({ sessionName: 'u-1' });
    await sessions.takeOverSession({ session: 'u-1', ...agent });
    await sessions.releaseSession({ session: 'u-1', ...agent });
    await sessions.closeSession({ sessionId: 'u-1' });
    await sessions.archiveSession({ sessionId: 'u-1' });
    expect(await load(sessionId)).toMatchObject({ state: SessionState.ARCHIVED });
    expect(await sessions.getSessionStatus({ sessionId: 'u-1' })).toMatchObject({ sessionId, sessionName: 'u-1' });
  });

  it('is opened by an escalation when it is new or closed, and not when it is the id of no session', async () => {
    const { sessions } = harness;
    const first = await sessions.escalateSession({ sessionName: 'u-1', reason: HandoverReason.KEYWORD });
    expect(first).toMatchObject({ sessionName: 'u-1', status: Control.PENDING_MANUAL });
    expect((await sessions.escalateSession({ sessionId: 'u-1' })).sessionId).toBe(first.sessionId);
    await sessions.closeSession({ sessionId: first.sessionId });
    const second = await sessions.escalateSession({ sessionName: 'u-1' });
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(await reasonOf(sessions.escalateSession({ sessionId: 'ses_none' }))).toBe('SESSION_NOT_FOUND');
  });

  it('may come with the id of its session in an escalation, and not with another one', async () => {
    const { sessionId } = await open('u-1');
    await open('u-2');
    const { sessions } = harness;
    expect(await reasonOf(sessions.escalateSession({ sessionId, sessionName: 'u-2' }))).toBe('INVALID_ARGUMENT');
    expect((await sessions.escalateSession({ sessionId, sessionName: 'u-1' })).sessionId).toBe(sessionId);
    const twoNames = sessions.escalateSession({ sessionId: 'u-3', sessionName: 'u-4' });
    expect(await reasonOf(twoNames)).toBe('INVALID_ARGUMENT');
    for (const name of ['u-3', 'u-4']) expect(await reasonOf(load(name))).toBe('SESSION_NOT_FOUND');
  });

  it('means the first session in a repeat under an idempotency key, also after that one was closed', async () => {
    const { sessions } = harness;
    const request = { sessionName: 'u-1', idempotencyKey: 'k-1' };
    const headers = { 'idempotency-key': 'k-1' };
    const { sessionId } = await sessions.escalateSession(request, { headers });
    await sessions.closeSession({ sessionId });
    expect(await reasonOf(sessions.escalateSession(request, { headers }))).toBe('SUPERSEDED');
    expect(await load('u-1')).toMatchObject({ sessionId });
  });
});

describe('the fence of a chat session', () => {
  it('is raised at message-analysis alone, and works while task-dispatch is down', async () => {
    harness.fakes.unavailable = true;
    harness.fakes.interruptedReply = { messageId: 'msg_1', content: '您', complete: true };
    const { sessionId } = await open('u-1', { botId: 'bot' });
    const escalated = await harness.sessions.escalateSession({ sessionName: 'u-1' });
    expect(escalated.interruptedReply).toMatchObject({ messageId: 'msg_1', content: '您', complete: true });
    const taken = await harness.sessions.takeOverSession({ session: 'u-1', agentId: 'a', agentName: 'A' });
    expect(taken.interruptedReply).toMatchObject({ messageId: 'msg_1' });
    expect(harness.fakes.raiseFenceRequests).toEqual([]);
    expect(harness.fakes.raiseChatFenceRequests).toMatchObject([
      { sessionId, sessionName: 'u-1', ownerEpoch: 2, status: Control.PENDING_MANUAL, agentId: '', botId: 'bot' },
      { sessionId, ownerEpoch: 3, status: Control.MANUAL_LIVE, agentId: 'a' },
    ]);
    expect(await harness.sessions.getSessionStatus({ sessionId })).toMatchObject({ status: Control.MANUAL_LIVE });
  });

  it('is waited for: without it the change is stored, and the repeat is harmless', async () => {
    await open('u-1');
    harness.fakes.chatsUnavailable = true;
    expect(await reasonOf(harness.sessions.escalateSession({ sessionName: 'u-1' }))).toBe('SERVICE_UNAVAILABLE');
    expect(await reasonOf(harness.sessions.getSession({ sessionId: 'u-1' }))).toBe('SERVICE_UNAVAILABLE');
    harness.fakes.chatsUnavailable = false;
    expect(await load('u-1')).toMatchObject({ status: Control.PENDING_MANUAL, version: 2 });
  });

  it('is not needed by a session of an account and a shop', async () => {
    harness.fakes.chatsUnavailable = true;
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    await harness.sessions.escalateSession({ sessionId });
    expect(harness.fakes.raiseFenceRequests).toHaveLength(1);
  });
});

describe('a chat session', () => {
  it('takes no tasks', async () => {
    const { sessionId } = await open('u-1');
    const task = { sessionId, externalTaskId: 'e', sendContent: 'x' };
    expect(await reasonOf(harness.sessions.addSessionTask(task))).toBe('INVALID_STATUS');
    expect(harness.fakes.createTaskRequests).toEqual([]);
  });

  it('expires a day after the last activity, and its name then opens another one', async () => {
    const first = await open('u-1');
    harness.clock.advance({ hours: 23 });
    await open('u-1');
    harness.clock.advance({ hours: 23 });
    await sweepSessionTimers(harness.deps);
    expect(await load(first.sessionId)).toMatchObject({ state: SessionState.ACTIVE });
    harness.clock.advance({ hours: 1 });
    await sweepSessionTimers(harness.deps);
    expect(await load(first.sessionId)).toMatchObject({ state: SessionState.EXPIRED, closeReason: 'expired' });
    const events = await harness.events(first.sessionId);
    expect(events.at(-1)?.payload.value).toMatchObject({ command: 'expire', reason: 'expired' });
    expect((await open('u-1')).sessionId).not.toBe(first.sessionId);
  });

  it('that has expired is not used again, although no sweep has closed it yet', async () => {
    const first = await open('u-1');
    harness.clock.advance({ hours: 25 });
    const second = await open('u-1');
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(await load(first.sessionId)).toMatchObject({ state: SessionState.EXPIRED });
  });

  it('does not expire while a human is requested or in control, and slides on after the release', async () => {
    const { sessionId } = await open('u-1');
    await harness.sessions.escalateSession({ sessionId });
    harness.clock.advance({ hours: 100 });
    await sweepSessionTimers(harness.deps);
    await harness.sessions.takeOverSession({ session: sessionId, agentId: 'a', agentName: 'A' });
    harness.clock.advance({ hours: 100 });
    await sweepSessionTimers(harness.deps);
    expect(await load(sessionId)).toMatchObject({ status: Control.MANUAL_LIVE });
    await harness.sessions.releaseSession({ session: sessionId, agentId: 'a' });
    harness.clock.advance({ hours: 23 });
    await sweepSessionTimers(harness.deps);
    expect(await load(sessionId)).toMatchObject({ status: Control.BOT_ACTIVE });
    harness.clock.advance({ hours: 1 });
    await sweepSessionTimers(harness.deps);
    expect(await load(sessionId)).toMatchObject({ state: SessionState.EXPIRED });
  });
});

describe('an escalation by a rule', () => {
  const rule = (sessionId: string, ownerEpoch: number) => ({
    sessionId,
    ownerEpoch,
    reason: HandoverReason.KEYWORD,
    severity: Severity.HIGH,
    context: { rule: 'complaint' },
    evidenceMessageIds: ['m-1'],
  });

  it('escalates in the epoch in which it was decided, with its evidence, and a repeat gets the same', async () => {
    const { sessionId } = await open('u-1');
    const first = await harness.sessions.escalateByRule(rule(sessionId, 1));
    expect(first.session).toMatchObject({
      status: Control.PENDING_MANUAL,
      ownerEpoch: 2,
      escalation: { severity: Severity.HIGH, evidenceMessageIds: ['m-1'], context: { rule: 'complaint' } },
    });
    expect((await harness.sessions.escalateByRule(rule(sessionId, 1))).session).toEqual(first.session);
    const events = await harness.events(sessionId);
    expect(events).toHaveLength(2);
    expect(events[1]?.payload.value).toMatchObject({ command: 'escalate', evidenceMessageIds: ['m-1'] });
  });

  it('is SUPERSEDED once control has changed', async () => {
    const { sessionId } = await open('u-1');
    const { sessions } = harness;
    await sessions.takeOverSession({ session: sessionId, agentId: 'a', agentName: 'A' });
    expect(await reasonOf(sessions.escalateByRule(rule(sessionId, 1)))).toBe('SUPERSEDED');
    await sessions.releaseSession({ session: sessionId, agentId: 'a' });
    expect(await reasonOf(sessions.escalateByRule(rule(sessionId, 1)))).toBe('SUPERSEDED');
    expect(await load(sessionId)).toMatchObject({ status: Control.BOT_ACTIVE });
  });

  it('takes a session of an account and a shop from the bot as well', async () => {
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    await harness.sessions.escalateByRule(rule(sessionId, 1));
    expect(harness.fakes.raiseFenceRequests).toMatchObject([{ sessionId, ownerEpoch: 2 }]);
  });
});
