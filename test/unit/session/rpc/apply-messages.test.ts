import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { beforeEach, describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole, Verdict } from '../../../../gen/autosession/message/v1/message_pb.js';
import type { ResolvePartiesResponse } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { sweepSessionTimers } from '../../../../services/session/jobs/session-timers.ts';
import { purgeClosedSessions } from '../../../../services/session/store/purge-closed-sessions.ts';
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

const platform = '淘天';
const resolve = (overrides: object) =>
  harness.sessions.resolveParties({ platform, shopName: '大店', shopId: '', accountId: '', nicks: [], ...overrides });

function say(
  parties: Pick<ResolvePartiesResponse, 'accountKey' | 'shopKey'>,
  role: MessageRole,
  id: string,
  overrides = {},
) {
  const sentAt = timestampFromMs(harness.clock.now());
  const messages = [{ messageId: id, role, sentAt, explained: false }];
  const { accountKey, shopKey } = parties;
  return harness.sessions.applyMessages({ platform, accountKey, shopKey, shopName: '大店', messages, ...overrides });
}

describe('the participants of a batch', () => {
  it('are the account of the request, and always the same shop for its name', async () => {
    const first = await resolve({ accountId: 't-我', shopId: 's1' });
    expect(first).toMatchObject({ accountId: 't-我', accountNicks: ['t-我'], shopNicks: ['大店'], stable: true });
    expect((await resolve({ accountId: 't-我', shopId: 's2' })).shopKey).toBe(first.shopKey);
    expect((await resolve({ shopName: '新名', shopId: 's2' })).shopKey).toBe(first.shopKey);
    const other = await resolve({ shopName: '别家', shopId: 's3' });
    expect((await resolve({ shopName: '大店', shopId: 's3' })).shopKey).toBe(first.shopKey);
    expect(other.shopKey).not.toBe(first.shopKey);
  });

  it('are found by a nick of the platform, a learnt nick, or the shop’s only open session', async () => {
    expect(await resolve({ nicks: ['大店', 't-他'] })).toMatchObject({ accountId: 't-他', stable: true });
    const session = await harness.sessions.createSession(
      createSessionRequest({ accountId: 'plain', shopName: '大店' }),
    );
    const only = await resolve({ nicks: ['大店', '某人'] });
    expect(only).toMatchObject({ accountId: 'plain', stable: false });
    await say(only, MessageRole.SHOP, 'm1', { matchedNicks: ['某人', 'plain'] });
    await harness.sessions.closeSession({ sessionId: session.sessionId });
    const learnt = await resolve({ nicks: ['某人'] });
    expect(learnt).toMatchObject({ accountId: 'plain', stable: true });
    expect([...learnt.accountNicks].sort()).toEqual(['plain', '某人'].sort());
    expect(await resolve({ nicks: ['没人知道'] })).toMatchObject({
      accountKey: 'unknown',
      accountId: '',
      stable: false,
    });
  });

  it('prefer an account with an open session of that shop', async () => {
    await resolve({ nicks: ['t-甲'] });
    await harness.sessions.createSession(createSessionRequest({ accountId: 't-乙', shopName: '大店' }));
    expect(await resolve({ nicks: ['t-甲', 't-乙'] })).toMatchObject({ accountId: 't-乙', stable: false });
  });

  it('are one shop for 50 concurrent clients', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => resolve({ shopId: `id-${i % 5}` })));
    expect(new Set(answers.map((answer) => answer.shopKey)).size).toBe(1);
  });
});

describe('new messages', () => {
  it('open one human session for 50 first batches, and a repeat has no effect', async () => {
    const parties = await resolve({ accountId: 't-我' });
    const ids = Array.from({ length: 50 }, (_, i) => `m${i}`);
    const answers = await Promise.all(ids.map((id) => say(parties, MessageRole.SHOP, id)));
    expect(new Set(answers.map((answer) => answer.session?.sessionId)).size).toBe(1);
    expect(answers.filter((answer) => answer.operations.includes('created'))).toHaveLength(1);
    const sessionId = answers[0]?.session?.sessionId ?? '';
    await harness.sessions.closeSession({ sessionId });
    const opener = ids[answers.findIndex((answer) => answer.operations.includes('created'))] ?? '';
    const repeat = await say(parties, MessageRole.SHOP, opener);
    expect(repeat).toMatchObject({ operations: [], messages: [{ sessionId, verdict: Verdict.STORED }] });
    expect(repeat.session).toBeUndefined();
  });

  it('take control from the bot before the response, or get 503', async () => {
    const body = createSessionRequest({ shopName: '大店' });
    const { sessionId } = await harness.sessions.createSession(body);
    const parties = await resolve({ accountId: body.accountId });
    harness.fakes.unavailable = true;
    await expect(say(parties, MessageRole.ACCOUNT, 'typed')).rejects.toThrow();
    harness.fakes.unavailable = false;
    const repeat = await say(parties, MessageRole.ACCOUNT, 'typed');
    expect(repeat).toMatchObject({ session: { sessionId, status: Control.MANUAL_LIVE, attendantExternal: true } });
    expect(harness.fakes.raiseFenceRequests).toMatchObject([{ sessionId, ownerEpoch: 2 }]);
    const events = await harness.events(sessionId);
    expect(events.at(-1)?.payload.value).toMatchObject({
      command: 'attend_externally',
      evidenceMessageIds: ['typed'],
    });
    expect(events).toHaveLength(2);
  });

  it('find a session of an unknown account again once the account is known', async () => {
    const unknown = await resolve({ nicks: ['谁'] });
    const opened = await say(unknown, MessageRole.SHOP, 'm1');
    const conflict = harness.sessions.createSession(createSessionRequest({ accountId: 't-我', shopName: '大店' }));
    await expect(conflict).rejects.toThrow(opened.session?.sessionId);
    const known = await resolve({ accountId: 't-我' });
    const claim = { accountId: 't-我', claimedSessionId: opened.session?.sessionId };
    const answer = await say(known, MessageRole.SHOP, 'm2', claim);
    expect(answer.session).toMatchObject({ sessionId: opened.session?.sessionId, accountId: 't-我' });
  });
});

describe('new messages of a known account', () => {
  it('do not change a session of an unknown account that they neither claim nor opened', async () => {
    const unknown = await resolve({ nicks: ['谁'] });
    const opened = await say(unknown, MessageRole.SHOP, 'm1');
    const known = await resolve({ accountId: 't-我' });
    const own = await say(known, MessageRole.SHOP, 'm2', { accountId: 't-我' });
    expect(own.session?.sessionId).not.toBe(opened.session?.sessionId);
    const opener = await say(known, MessageRole.SHOP, 'm1', { accountId: 't-我' });
    expect(opener.session?.sessionId).toBe(own.session?.sessionId);
    expect((await harness.sessions.getSession({ sessionId: opened.session?.sessionId })).session).toMatchObject({
      state: SessionState.CANCELLED,
    });
  });
});

describe('the sweep', () => {
  it('marks a session idle, then closes it with the time of its timeout', async () => {
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    await harness.sessions.recordTaskOutcome({ sessionId, taskId: 't', success: true });
    const load = async () => (await harness.sessions.getSession({ sessionId })).session;
    harness.clock.advance({ minutes: 31 });
    await sweepSessionTimers(harness.deps);
    expect(await load()).toMatchObject({ state: SessionState.IDLE });
    await sweepSessionTimers(harness.deps);
    harness.clock.advance({ minutes: 200 });
    await sweepSessionTimers(harness.deps);
    const closed = await load();
    expect(closed).toMatchObject({ state: SessionState.TIMEOUT, version: 4 });
    expect(closed?.finishedAt?.seconds).toBe((closed?.lastActivity?.seconds ?? 0n) + 7_200n);
    expect(harness.fakes.raiseFenceRequests.at(-1)).toMatchObject({ cancelReason: 'session_closed' });
  });

  it('requests a human again when the one in the shop’s window is silent', async () => {
    const parties = await resolve({ accountId: 't-我' });
    const { session } = await say(parties, MessageRole.ACCOUNT, 'm1');
    await say(parties, MessageRole.SHOP, 'm2');
    harness.clock.advance({ minutes: 11 });
    await sweepSessionTimers(harness.deps);
    const { sessions } = await harness.sessions.batchGetSessions({ sessionIds: [session?.sessionId ?? ''] });
    expect(sessions).toMatchObject([{ status: Control.PENDING_MANUAL, attendantExternal: false }]);
  });

  it('removes sessions that were closed long ago', async () => {
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    await harness.sessions.closeSession({ sessionId });
    const removed = await purgeClosedSessions(harness.deps.db, harness.clock.now() + 1_000, 100);
    expect(removed).toBe(1);
    expect((await harness.sessions.batchGetSessions({ sessionIds: [sessionId] })).sessions).toEqual([]);
  });
});

describe('reading', () => {
  it('finds the open session by shop name or id, and none for unknown names', async () => {
    const body = createSessionRequest();
    const { sessionId } = await harness.sessions.createSession(body);
    const { accountId, shopId, shopName } = body;
    for (const shop of [{ shopId }, { shopName }, { shopId: 'nobody', shopName }])
      expect(await harness.sessions.getOpenSession({ accountId, ...shop })).toMatchObject({
        sessionId,
        messageCount: 3,
      });
    const none = await harness.sessions.getOpenSession({ accountId, shopName: '没有的店' });
    expect(none).toMatchObject({ hasActiveSession: false });
    expect(none.sessionId).toBeUndefined();
  });

  it('shows a session with its newest task in one record', async () => {
    const { sessionId } = await harness.sessions.createSession(createSessionRequest());
    const status = await harness.sessions.getSessionStatus({ sessionId });
    expect(status).toMatchObject({ sessionId, sessionState: SessionState.PENDING, messageCount: 3, priority: 3 });
  });
});
