import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { decideMessages } from '../../../../services/session/domain/conversation.ts';
import type {
  AppliedBatch,
  Conversation,
  MessageBatch,
} from '../../../../services/session/domain/conversation-types.ts';
import type { BatchMessage } from '../../../../services/session/domain/message-recency.ts';
import { isOpen, type SessionRecord } from '../../../../services/session/domain/session.ts';
import { NOW, sessionInState } from '../../../support/session/session-record.ts';

const MINUTE = 60_000;
const fresh = { now: NOW + 5 * MINUTE, actor: 'system', sessionId: 'ses_new', defaultMaxInactiveMinutes: 120 };
const nothing: Conversation = { processed: new Map() };
let counter = 0;

function message(overrides: Partial<BatchMessage> = {}): BatchMessage {
  counter += 1;
  return {
    messageId: `m${counter}`,
    side: 'shop',
    sentAt: fresh.now,
    explained: false,
    notice: false,
    afterReceiptOf: '',
    beforeKnown: false,
    ...overrides,
  };
}
const shop = (overrides: Partial<BatchMessage> = {}) => message(overrides);
const typed = (overrides: Partial<BatchMessage> = {}) => message({ side: 'account', ...overrides });
const own = (overrides: Partial<BatchMessage> = {}) => message({ side: 'account', explained: true, ...overrides });

function batch(messages: BatchMessage[], overrides: Partial<MessageBatch> = {}): MessageBatch {
  const parties = { accountKey: 'acc_1', accountId: 't-one', shopKey: 'shp_1', shopId: 'one', shopName: '一号店' };
  return { platform: '淘天', ...parties, messages, ...overrides };
}

const apply = (
  conversation: Partial<Conversation>,
  messages: BatchMessage[],
  overrides: Partial<MessageBatch> = {},
): AppliedBatch => decideMessages({ ...nothing, ...conversation }, batch(messages, overrides), fresh);

const verdicts = (applied: AppliedBatch) => applied.placements.map(({ sessionId, stored }) => [sessionId, stored]);

describe('new messages in an open session', () => {
  it('activate it when the shop writes', () => {
    for (const cell of ['pending', 'idle'] as const)
      expect(apply({ own: sessionInState(cell) }, [shop()])).toMatchObject({
        session: { state: SessionState.ACTIVE },
        operations: ['updated'],
      });
  });

  it('only move last_activity when it is active, at most every 10 s', () => {
    const session = sessionInState('active');
    expect(apply({ own: session }, [shop()])).toMatchObject({ changes: [], touch: { after: { version: 1 } } });
    const recent = sessionInState('active', { lastActivity: fresh.now - 9_000 });
    expect(apply({ own: recent }, [shop()]).touch).toBeUndefined();
  });

  it('give control to a human who types, with evidence', () => {
    for (const cell of ['pending', 'active', 'idle', 'paused', 'waiting'] as const) {
      const human = typed();
      const applied = apply({ own: sessionInState(cell) }, [own(), shop(), human]);
      expect(applied).toMatchObject({
        session: { control: Control.MANUAL_LIVE, attendantExternal: true, ownerEpoch: 2, tasksFromEpoch: 2 },
        operations: ['updated', 'transferred'],
        processed: [{ messageId: human.messageId, sessionId: 'ses_1', kind: 'intervention' }],
      });
      expect(applied.session?.escalation?.evidence).toEqual([human.messageId]);
      expect(applied.session?.attendantDueAt).toBeUndefined();
    }
  });

  it('set the due time of the attendant at the shop’s first unanswered message, and clear it at the answer', () => {
    const asked = apply({ own: sessionInState('attended_externally') }, [shop(), shop()]);
    expect(asked.session?.attendantDueAt).toBe(fresh.now + 10 * MINUTE);
    const waiting = sessionInState('attended_externally', { attendantDueAt: NOW + 8 * MINUTE });
    expect(apply({ own: waiting }, [shop()]).session?.attendantDueAt).toBe(NOW + 8 * MINUTE);
    expect(apply({ own: waiting }, [typed()]).session?.attendantDueAt).toBeUndefined();
    expect(apply({ own: sessionInState('active') }, [typed(), shop()]).session?.attendantDueAt).toBeDefined();
  });

  it('are history when they are older than the session, by order first, then by time', () => {
    const session = sessionInState('active');
    const old = typed({ sentAt: NOW - 2 * MINUTE });
    const early = typed({ sentAt: undefined, beforeKnown: true, knownReceivedAt: NOW - 1 });
    const skewed = shop({ sentAt: NOW - 50_000 });
    const wrongClock = shop({ sentAt: NOW - 900 * MINUTE, afterReceiptOf: 'ses_1' });
    const applied = apply({ own: session }, [old, early, skewed, wrongClock]);
    expect(verdicts(applied)).toEqual([
      ['', false],
      ['', false],
      ['ses_1', true],
      ['ses_1', true],
    ]);
    expect(applied).toMatchObject({ changes: [], operations: ['updated', 'history'] });
  });

  it('prove nothing when they are older than the last release', () => {
    const session = sessionInState('active', { lastManualEndAt: NOW + 4 * MINUTE });
    const before = typed({ sentAt: NOW + MINUTE, afterReceiptOf: 'ses_1' });
    expect(apply({ own: session }, [before])).toMatchObject({ changes: [], placements: [{ stored: false }] });
    expect(apply({ own: session }, [typed()]).operations).toContain('transferred');
  });

  it('close it when it has timed out, with the time of its limit', () => {
    const session = sessionInState('attended', { maxInactiveMinutes: 3 });
    const applied = apply({ own: session }, [shop()]);
    expect(applied.operations).toEqual(['timed_out', 'created']);
    expect(applied.changes[0]?.after).toMatchObject({ state: SessionState.TIMEOUT, finishedAt: NOW + 3 * MINUTE });
    expect(apply({ own: session }, [shop()], { maxInactiveMinutes: 60 }).operations).toEqual(['updated']);
  });
});

describe('new messages without an open session', () => {
  const closed = sessionInState('completed', { finishedAt: NOW + 4 * MINUTE });

  it('open a session that waits for a human, or one of the human who is typing', () => {
    expect(apply({}, [shop(), typed()])).toMatchObject({
      opened: { session: { control: Control.PENDING_MANUAL, sessionId: 'ses_new' }, unattendedMessage: true },
      operations: ['created'],
    });
    expect(apply({}, [typed()]).session).toMatchObject({ control: Control.MANUAL_LIVE, attendantExternal: true });
  });

  it('open none when they are older than the last close, or sent by the bot', () => {
    const old = shop({ sentAt: NOW + MINUTE });
    const older = shop({ sentAt: NOW - 5 * MINUTE });
    const applied = apply({ last: closed }, [older, old, own()]);
    expect(applied).toMatchObject({ changes: [], processed: [], operations: ['history'] });
    expect(applied.opened).toBeUndefined();
    expect(verdicts(applied)).toEqual([
      ['', false],
      ['ses_1', true],
      ['ses_1', true],
    ]);
  });

  it('open one for messages after the close and leave the others with the last session', () => {
    const applied = apply({ last: closed }, [shop({ sentAt: NOW + MINUTE }), shop()]);
    expect(verdicts(applied)).toEqual([
      ['ses_1', true],
      ['ses_new', true],
    ]);
  });
});

describe('a session of an unknown account', () => {
  const unknown = sessionInState('waiting', { sessionId: 'ses_u', accountKey: 'unknown', accountId: '' });

  it('becomes the account’s once it is known', () => {
    const applied = apply({ unknown }, [shop()]);
    expect(applied.session).toMatchObject({ sessionId: 'ses_u', accountKey: 'acc_1', accountId: 't-one' });
    expect(applied.changes.map((change) => change.command)).toEqual(['identify']);
  });

  it('is closed in favour of the account’s own session, unless only it has a human in control', () => {
    const bot = apply({ unknown, own: sessionInState('active') }, [shop()]);
    expect(bot.session?.sessionId).toBe('ses_u');
    expect(bot.changes.map((change) => [change.command, change.after.sessionId])).toEqual([
      ['cancel', 'ses_1'],
      ['identify', 'ses_u'],
    ]);
    const human = apply({ unknown, own: sessionInState('attended') }, [shop()]);
    expect(human.session?.sessionId).toBe('ses_1');
    expect(human.changes[0]).toMatchObject({ command: 'cancel', after: { sessionId: 'ses_u' } });
  });
});

describe('any batch in any conversation', () => {
  const anyMessage = fc.record({
    messageId: fc.uuid(),
    side: fc.constantFrom('account' as const, 'shop' as const),
    sentAt: fc.option(fc.integer({ min: NOW - 10 * MINUTE, max: NOW + 10 * MINUTE }), { nil: undefined }),
    explained: fc.boolean(),
    notice: fc.boolean(),
    afterReceiptOf: fc.constantFrom('', 'ses_1'),
    beforeKnown: fc.boolean(),
    knownReceivedAt: fc.option(fc.integer({ min: NOW - 10 * MINUTE, max: NOW + 10 * MINUTE }), { nil: undefined }),
  });
  const openCells = ['pending', 'active', 'idle', 'paused', 'waiting', 'attended', 'attended_externally'] as const;
  const closedCells = ['completed', 'timeout', 'cancelled'] as const;
  const anyConversation = fc.oneof(
    fc.constantFrom(...openCells).map((cell): Conversation => ({ own: sessionInState(cell), processed: new Map() })),
    fc.constantFrom(...closedCells).map((cell): Conversation => ({ last: sessionInState(cell), processed: new Map() })),
    fc.constant(nothing),
  );

  it('places every message once, and a repeat opens, transfers and attends nothing again', () => {
    fc.assert(
      fc.property(anyConversation, fc.uniqueArray(anyMessage, { selector: (m) => m.messageId }), (before, messages) => {
        const first = decideMessages(before, batch(messages), fresh);
        expect(first.placements.map((p) => p.messageId)).toEqual(messages.map((m) => m.messageId));
        const again = decideMessages(after(before, first), batch(messages), { ...fresh, sessionId: 'ses_again' });
        expect(again.opened).toBeUndefined();
        expect(again.changes).toEqual([]);
        const acted = first.processed.map(({ messageId, sessionId }) => [messageId, sessionId]);
        for (const [messageId, sessionId] of acted)
          expect(again.placements.find((p) => p.messageId === messageId)).toMatchObject({ sessionId, stored: true });
      }),
    );
  });

  it('leaves control with the bot only when no human has typed since', () => {
    fc.assert(
      fc.property(anyConversation, fc.array(anyMessage), (before, messages) => {
        const applied = decideMessages(before, batch(messages), fresh);
        const session: SessionRecord | undefined = applied.session;
        if (session?.control !== Control.BOT_ACTIVE) return;
        expect(isOpen(session)).toBe(true);
        const typedNow = messages.filter(
          (m) => m.side === 'account' && !m.explained && !m.notice && m.afterReceiptOf === 'ses_1',
        );
        expect(typedNow).toEqual([]);
      }),
    );
  });

  function after(before: Conversation, applied: AppliedBatch): Conversation {
    const processed = new Map(applied.processed.map(({ messageId, sessionId }) => [messageId, sessionId]));
    return applied.session ? { own: applied.session, processed } : { last: before.last, processed };
  }
});
