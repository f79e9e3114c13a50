import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../../../services/task-dispatch/domain/content-hash.ts';
import {
  canExplain,
  MAX_WINDOW_SKEW_MS,
  matchMessages,
  type ObservedMessage,
  provesUnsent,
  type Receipt,
} from '../../../../services/task-dispatch/domain/match-messages.ts';

const T = 1_750_000_000_000;
const receipt = (taskId: string, at: number, overrides: Partial<Receipt> = {}): Receipt => ({
  taskId,
  sessionId: 'ses_1',
  fence: 1,
  foldedHash: 'h',
  fetchedAt: T + at,
  matchedMessageId: '',
  agentMessageId: '',
  ...overrides,
});
const said = (messageId: string, at: number, overrides: Partial<ObservedMessage> = {}): ObservedMessage => ({
  messageId,
  foldedHash: 'h',
  contentHash: 'h',
  sentAt: T + at,
  storedAt: T + Math.max(at, 0) + 1_000,
  ...overrides,
});
const pairs = (messages: ObservedMessage[], receipts: Receipt[]) =>
  Object.fromEntries(matchMessages(messages, receipts).map((m) => [m.message.messageId, m.receipt.taskId]));

describe('matching', () => {
  it('takes the nearest fetch', () => {
    const receipts = [receipt('a', 0), receipt('b', 200_000)];
    expect(pairs([said('m', 190_000, { storedAt: T + 210_000 })], receipts)).toEqual({ m: 'b' });
    expect(pairs([said('m', 20_000)], receipts)).toEqual({ m: 'a' });
  });

  it('lets the window’s clock be 60 s behind, and no more', () => {
    expect(pairs([said('m', -MAX_WINDOW_SKEW_MS)], [receipt('a', 0)])).toEqual({ m: 'a' });
    expect(pairs([said('m', -MAX_WINDOW_SKEW_MS - 1)], [receipt('a', 0)])).toEqual({});
  });

  it('does not take a message that was stored before the fetch', () => {
    expect(pairs([said('m', 0, { storedAt: T - 1 })], [receipt('a', 0)])).toEqual({});
  });

  it('uses the time of storing when the time of sending is not known', () => {
    expect(pairs([said('m', 0, { sentAt: undefined, storedAt: T + 5 })], [receipt('a', 0)])).toEqual({ m: 'a' });
  });

  it('explains one message per receipt, so that a second one is not the bot’s', () => {
    const match = pairs([said('m1', 10), said('m2', 5_000)], [receipt('a', 0)]);
    expect(match).toEqual({ m1: 'a' });
  });

  it('returns a stored match again and uses no other receipt for it', () => {
    const receipts = [receipt('a', 0, { matchedMessageId: 'm' }), receipt('b', 100)];
    expect(pairs([said('m', 100)], receipts)).toEqual({ m: 'a' });
  });

  it('leaves the only receipt to the message that can take no other', () => {
    const receipts = [receipt('a', 0), receipt('b', 100_000)];
    const messages = [said('both', 45_000, { storedAt: T + 200_000 }), said('one', -50_000, { storedAt: T + 200_000 })];
    expect(pairs(messages, receipts)).toEqual({ one: 'a', both: 'b' });
  });
});

const hash = fc.constantFrom('h', 'i');
const anyReceipts = fc.array(fc.record({ at: fc.integer({ min: 0, max: 300 }), hash }), { maxLength: 6 });
const anyMessages = fc.array(
  fc.record({ at: fc.option(fc.integer({ min: -100, max: 400 })), stored: fc.integer({ min: -50, max: 500 }), hash }),
  { maxLength: 6 },
);
const receiptsFrom = (list: { at: number; hash: string }[]) =>
  list.map(({ at, hash }, i) => receipt(`t${i}`, at * 1_000, { foldedHash: hash }));
const messagesFrom = (list: { at: number | null; stored: number; hash: string }[]) =>
  list.map(({ at, stored, hash }, i) => ({
    messageId: `m${i}`,
    foldedHash: hash,
    contentHash: hash,
    sentAt: at === null ? undefined : T + at * 1_000,
    storedAt: T + stored * 1_000,
  }));

/** The maximum number of messages that can be explained, by exhaustive search. */
function mostExplained(messages: readonly ObservedMessage[], receipts: readonly Receipt[]): number {
  const [first, ...others] = messages;
  if (!first) return 0;
  const taken = receipts
    .filter((r) => canExplain(r, first))
    .map(
      (r) =>
        1 +
        mostExplained(
          others,
          receipts.filter((other) => other !== r),
        ),
    );
  return Math.max(mostExplained(others, receipts), ...taken);
}

describe('matching any input', () => {
  it('is possible, one to one, and explains as many messages as can be', () => {
    fc.assert(
      fc.property(anyMessages, anyReceipts, (m, r) => {
        const [messages, receipts] = [messagesFrom(m), receiptsFrom(r)];
        const matches = matchMessages(messages, receipts);
        expect(new Set(matches.map((match) => match.message)).size).toBe(matches.length);
        expect(new Set(matches.map((match) => match.receipt)).size).toBe(matches.length);
        for (const match of matches) expect(canExplain(match.receipt, match.message)).toBe(true);
        expect(matches.length).toBe(mostExplained(messages, receipts));
      }),
    );
  });

  it('does not depend on the order of the batch', () => {
    fc.assert(
      fc.property(anyMessages, anyReceipts, (m, r) => {
        const [messages, receipts] = [messagesFrom(m), receiptsFrom(r)];
        expect(pairs(messages.toReversed(), receipts.toReversed())).toEqual(pairs(messages, receipts));
      }),
    );
  });

  it('returns the same result once it is stored, whatever is new', () => {
    fc.assert(
      fc.property(anyMessages, anyReceipts, anyMessages, (m, r, later) => {
        const [messages, receipts] = [messagesFrom(m), receiptsFrom(r)];
        const first = pairs(messages, receipts);
        const remembered = receipts.map((known) => {
          const id = Object.keys(first).find((messageId) => first[messageId] === known.taskId);
          return { ...known, matchedMessageId: id ?? '' };
        });
        const more = messagesFrom(later).map((message) => ({ ...message, messageId: `later-${message.messageId}` }));
        expect(pairs([...more, ...messages], remembered)).toMatchObject(first);
      }),
    );
  });
});

it('finds contents equal across width, composition and white space, and otherwise different', () => {
  expect(contentHash('  您好，\n\nＡＢＣ　１２３ ')).toBe(contentHash('您好, ABC\t123'));
  expect(contentHash('Abc')).not.toBe(contentHash('abc'));
});

it('takes a batch as proof only when it covers fetch and lease with the skew', () => {
  const task = { fetchedAt: T, leaseExpiresAt: T + 120_000 };
  const window = { oldestAt: T - MAX_WINDOW_SKEW_MS, newestAt: T + 120_000 + MAX_WINDOW_SKEW_MS };
  expect(provesUnsent(window, task)).toBe(true);
  expect(provesUnsent({ ...window, oldestAt: window.oldestAt + 1 }, task)).toBe(false);
  expect(provesUnsent({ ...window, newestAt: window.newestAt - 1 }, task)).toBe(false);
  expect(provesUnsent({ newestAt: window.newestAt }, task)).toBe(false);
});
