import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { coveredTimeRange, fillMissingTimes } from '../../../../services/message-analysis/domain/batch-times.ts';
import { hasBotPrefix } from '../../../../services/message-analysis/domain/bot-prefix.ts';
import {
  decodeMessageCursor,
  encodeMessageCursor,
} from '../../../../services/message-analysis/domain/message-cursor.ts';
import { parseBatch } from '../../../../services/message-analysis/domain/parse-batch.ts';
import { resolveSenderRoles } from '../../../../services/message-analysis/domain/sender-role.ts';
import { createElementValidator } from '../../../../services/message-analysis/ingest/element-validator.ts';

const NOW = Date.parse('2025-06-11T12:00:00Z');
const context = { now: NOW, timezone: 'Asia/Shanghai', validate: createElementValidator() };
const parse = (...elements: unknown[]) =>
  parseBatch(
    elements.map((element) => fromJson(ValueSchema, element as JsonValue)),
    context,
  );
const good = { id: '1', nick: 'n', content: 'c' };

describe('an element', () => {
  it('is parsed with the fields that it has', () => {
    expect(parse({ ...good, time: '2025-06-11 14:41:58', type: 'text', more: [1] }).messages).toEqual([
      {
        ...{ index: 0, id: '1', nick: 'n', content: 'c', type: 'text' },
        ...{ sentAt: Date.parse('2025-06-11T06:41:58Z'), timeUnusable: false, zoneless: true, warnings: [] },
      },
    ]);
  });

  it.each([
    [17, '17'],
    [1_763_605_000.25, '1763605000.25'],
    [-3, '-3'],
  ])('may have the number %d as id', (id, text) => {
    expect(parse({ ...good, id }).messages[0]?.id).toBe(text);
  });

  it.each([
    ['RFC 3339', '2025-06-11T14:41:58+08:00', Date.parse('2025-06-11T06:41:58Z')],
    ['Unix seconds', 1_749_600_000, 1_749_600_000_000],
    ['Unix milliseconds', 1_749_600_000_123, 1_749_600_000_123],
    ['nothing', null, undefined],
    ['an empty text', '', undefined],
    ['0', 0, undefined],
    ['nine minutes ahead', NOW + 540_000, NOW + 540_000],
    ['eleven minutes ahead', NOW + 660_000, undefined],
  ])('may have %s as time', (_, time, sentAt) => {
    expect(parse({ ...good, time }).messages[0]?.sentAt).toBe(sentAt);
  });

  it.each([
    ['no object', 7, '#0', 'INVALID_ARGUMENT'],
    ['null', null, '#0', 'INVALID_ARGUMENT'],
    ['a list', [good], '#0', 'INVALID_ARGUMENT'],
    ['no id', { ...good, id: undefined }, '#0', 'INVALID_ARGUMENT'],
    ['an id with an edge space', { ...good, id: ' 1' }, '#0', 'INVALID_ARGUMENT'],
    ['too long an id', { ...good, id: 'x'.repeat(101) }, '#0', 'INVALID_ARGUMENT'],
    ['an id that is not exact', { ...good, id: 2 ** 60 + 256 }, '#0', 'INVALID_ARGUMENT'],
    ['an id of another type', { ...good, id: { a: 1 } }, '#0', 'INVALID_ARGUMENT'],
    ['no nick', { ...good, nick: null }, '1', 'INVALID_ARGUMENT'],
    ['too long a content', { ...good, content: '长'.repeat(6_000) }, '1', 'TOO_LARGE'],
    ['neither content nor type nor id', { nick: 'n' }, '#0', 'INVALID_ARGUMENT'],
  ])('with %s is rejected', (_, element, id, reason) => {
    const { messages, rejected } = parse(JSON.parse(JSON.stringify(element)));
    expect(messages).toEqual([]);
    expect(rejected).toMatchObject([{ index: 0, id, reason }]);
  });

  it.each([
    ['no content', { content: '', type: 'image' }, { content: '', type: 'image' }, 'CONTENT_UNREADABLE'],
    ['a picture whose content is spaces', { content: ' \n', type: 'image' }, { content: '' }, 'CONTENT_UNREADABLE'],
    ['spaces as text', { content: '  ' }, { content: '  ' }, undefined],
    ['a card', { content: { title: '券' } }, { content: '' }, 'CONTENT_UNREADABLE'],
    ['a number', { content: 5 }, { content: '5' }, undefined],
    ['a recall without content', { content: '', type: 'recall' }, { content: '', type: 'recall' }, undefined],
    ['too long a type', { type: 't'.repeat(51) }, { type: '' }, 'TYPE_UNREADABLE'],
    ['a type of another type', { type: {} }, { type: '' }, 'TYPE_UNREADABLE'],
    ['a number as type', { type: 3 }, { type: '3' }, undefined],
    ['a time that is none', { time: 'never' }, { timeUnusable: true }, 'TIME_UNREADABLE'],
    ['a time of another type', { time: true }, { timeUnusable: true }, 'TIME_UNREADABLE'],
    ['a time before 2000', { time: '1970-01-01 08:00:00' }, { timeUnusable: true }, 'TIME_UNREADABLE'],
    ['a time ahead', { time: NOW + 660_000 }, { timeUnusable: true }, 'TIME_AHEAD'],
    ['a time to the minute', { time: '2025-06-11 19:40' }, { sentAt: NOW - 1_170_000, zoneless: true }, undefined],
    ['Unix seconds as text', { time: `${NOW / 1_000}` }, { sentAt: NOW, zoneless: false }, undefined],
  ])('with %s is still a message', (_, over, expected, code) => {
    const { messages, rejected } = parse({ ...good, ...over });
    expect(rejected).toEqual([]);
    expect(messages).toMatchObject([expected]);
    expect(messages[0]?.warnings.map((warning) => warning.code)).toEqual(code ? [code] : []);
  });

  it('of any shape is parsed or rejected, and does not affect its neighbours', () => {
    const field = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.double(), fc.constant(null), fc.jsonValue());
    const fields = fc.record(
      { id: field, nick: field, content: field, time: field, type: field },
      { requiredKeys: [] },
    );
    const element = fc.oneof(fields, fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(fc.array(element, { maxLength: 10 }), (elements) => {
        const { messages, rejected } = parse(good, ...elements, good);
        expect(messages.length + rejected.length).toBe(elements.length + 2);
        expect(messages[0]).toMatchObject({ index: 0, id: '1' });
        expect(messages.at(-1)).toMatchObject({ index: elements.length + 1, id: '1' });
        for (const { sentAt } of messages) if (sentAt !== undefined) expect(sentAt).toBeLessThanOrEqual(NOW + 600_000);
      }),
    );
  });

  it('without any kind is rejected', () => {
    expect(parseBatch([create(ValueSchema)], context).rejected).toMatchObject([
      { id: '#0', reason: 'INVALID_ARGUMENT' },
    ]);
  });
});

describe('a nick', () => {
  const { ACCOUNT, SHOP } = MessageRole;
  const side = (nick: string, platform: string, accountNicks: string[], others: string[] = []) =>
    resolveSenderRoles([nick, ...others], { platform, accountNicks, shopNames: ['小店'] }).get(nick);

  it.each([
    ['a known one', 'acc', 'p', ['acc'], [], ACCOUNT, false],
    ['one by the marketplace’s rule', 't-1', '淘天', [], [], ACCOUNT, false],
    ['the shop', '小店', 'p', [], [], SHOP, false],
    ['one of the shop', '小店:客服1', 'p', [], [], SHOP, false],
    ['a stranger', 'x', 'p', [], [], ACCOUNT, true],
    ['a stranger beside the account', 'x', 'p', ['acc'], ['acc'], SHOP, false],
    ['a stranger beside both', 'x', 'p', ['acc'], ['acc', '小店'], SHOP, true],
    ['a shop whose name looks like an account', 't-恤', '淘天', [], [], ACCOUNT, false],
    ['a stranger while the account is silent', 'x', 'p', ['acc'], [], ACCOUNT, true],
    ['a stranger where the marketplace has a rule', 'x', '淘天', [], [], SHOP, true],
    ['a rule’s prefix elsewhere', 't-1', 'p', [], [], ACCOUNT, true],
    ['one that only begins like the shop', '小店2', '淘天', [], [], SHOP, true],
    ['a platform that is a property of every object', 'x', 'constructor', [], [], ACCOUNT, true],
  ] as const)('that is %s', (_, nick, platform, accounts, others, role, unsure) => {
    expect(side(nick, platform, [...accounts], [...others])).toEqual({ role, unsure });
  });
});

describe('times', () => {
  const shown = (...times: (number | undefined)[]) => times.map((sentAt) => ({ sentAt, maybeBot: false }));
  const timed = (...times: (number | '?' | undefined)[]) =>
    times.map((time) => ({ sentAt: time === '?' ? undefined : time, timeUnusable: time === '?' }));

  it('that are missing are the previous neighbour’s, else the next one’s', () => {
    expect(fillMissingTimes(timed(undefined, 5, undefined, undefined, 3, undefined))).toEqual([5, 5, 5, 5, 3, 3]);
    expect(fillMissingTimes(timed(undefined, undefined))).toEqual([undefined, undefined]);
  });

  it('that are unreadable are taken from the next message, else unknown', () => {
    expect(fillMissingTimes(timed(5, '?', undefined, 7, '?', undefined))).toEqual([5, 7, 7, 7, undefined, undefined]);
  });

  it('span a window', () => {
    expect(coveredTimeRange(shown(undefined, 5, 3, undefined, 9))).toEqual({ oldest: 3, newest: 9 });
    expect(coveredTimeRange(shown(undefined))).toBeUndefined();
  });

  it('cover no time before the last picture that may be the bot’s', () => {
    const picture = (sentAt?: number) => ({ sentAt, maybeBot: true });
    expect(coveredTimeRange([...shown(1), picture(4), ...shown(9)])).toEqual({ oldest: 4, newest: 9 });
    expect(coveredTimeRange([...shown(1, 9), picture()])).toBeUndefined();
  });
});

describe('a page token', () => {
  it('leads back to its position', () => {
    fc.assert(
      fc.property(fc.nat(253_402_300_799_999), fc.nat(2 ** 31 - 1), (orderAt, seq) => {
        expect(decodeMessageCursor(encodeMessageCursor({ orderAt, seq }))).toEqual({ orderAt, seq });
      }),
    );
  });

  it('that was not issued is invalid', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => decodeMessageCursor(text) === undefined || encodeMessageCursor(decodeMessageCursor(text)!) === text,
      ),
    );
    for (const text of ['', 'x', '\u0000', Buffer.from('999999999999999.1').toString('base64url')])
      expect(decodeMessageCursor(text)).toBeUndefined();
  });
});

describe('a bot’s prefix', () => {
  it.each([
    ['as it is', '[bot]', '[bot]您好'],
    ['in full-width brackets', '[bot]', '［bot］您好'],
    ['behind what is not seen', '[bot]', '\u200B[bot]您好'],
    ['without its presentation', '🤖\uFE0F', '🤖您好'],
    ['that is not seen itself', '\u200B', '\u200B您好'],
  ])('is found %s', (_, prefix, content) => {
    expect(hasBotPrefix(content, prefix)).toBe(true);
  });

  it.each([
    ['elsewhere', '[bot]', '您好[bot]'],
    ['without what is not seen of it', '\u200B您', '您好'],
    ['that is not seen itself, where there is none', '\u200B', '您好'],
    ['without what is escaped and not seen of it', '机器人&#8203;', '机器人坏了'],
    ['without the blank at its end', '机器人 ', '机器人坏了'],
    ['without the blank at its end that is a sign', '机器人\u2800', '机器人坏了'],
  ])('is not found %s', (_, prefix, content) => {
    expect(hasBotPrefix(content, prefix)).toBe(false);
  });
});
