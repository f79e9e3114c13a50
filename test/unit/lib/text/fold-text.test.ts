import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldText } from '../../../../services/lib/text/fold-text.ts';

const unseen = [
  '\uFE0F',
  '\uFE0E',
  '\u200B',
  '\u200C',
  '\u200D',
  '\uFEFF',
  '\u00AD',
  '\u200E',
  '\u202E',
  '\u2066',
  '\u034F',
];
const more = ['\u{E0001}', '\u{E0100}', '\u3164', '\u115F', '\u180E', '\u2060', '\uFFF9', '\0', '\u0007', '\u009F'];
const nasty = [
  'か',
  '゛',
  '\u3099',
  '´',
  'e',
  '\u0301',
  ' ',
  '\u3000',
  '\n',
  '\u2800',
  '&',
  'amp',
  'lt',
  '#38',
  '#65286',
  ';',
  '＆',
];
const alike = ['〜', '～', '・', '‐', '店', '1', 'ﷺ', '👍', '🏻', '가', 'ᄀ', 'ᅡ', '\u1160'];

const unit = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.constantFrom(...nasty, ...alike, ...unseen, ...more),
);
const text = fc.array(unit, { maxLength: 20 }).map((parts) => parts.join(''));
const runs = { numRuns: 5_000 };

describe('a folded text', () => {
  it('is not changed by folding', () => {
    fc.assert(
      fc.property(text, (some) => foldText(foldText(some)) === foldText(some)),
      runs,
    );
  });

  it('is the same with any invisible characters added', () => {
    fc.assert(
      fc.property(text, fc.constantFrom(...unseen, ...more), fc.nat(), (some, sign, at) => {
        const points = [...some];
        points.splice(at % (points.length + 1), 0, sign);
        expect(foldText(points.join(''))).toBe(foldText(some));
      }),
      runs,
    );
  });

  it.each(['NFC', 'NFD', 'NFKC', 'NFKD'])('is the same for %s', (form) => {
    fc.assert(
      fc.property(text, (some) => foldText(some.normalize(form)) === foldText(some)),
      runs,
    );
  });

  it('is the same for every kind and number of spaces, and without spaces at the ends', () => {
    const blanks = ['\n', '\r\n', '\t', '\u00A0', '\u3000', '\u2028', '\u0085', '\u2800', '  ', ' \u200B '];
    fc.assert(
      fc.property(text, text, fc.constantFrom(...blanks), (a, b, blank) => {
        expect(foldText(`${blank}${a}${blank}${b}${blank}`)).toBe(foldText(`${a} ${b}`));
      }),
      runs,
    );
  });

  it.each([
    ['letters', 'A', 'a'],
    ['digits', '1', '2'],
    ['numbers', '10 00', '1000'],
    ['words', 'no where', 'nowhere'],
    ['skin tones', '👍', '👍🏻'],
    ['signs', '+', '-'],
    ['scripts', 'a', 'а'],
    ['spellings', '国', '國'],
  ])('keeps %s apart', (_, a, b) => {
    expect(foldText(a)).not.toBe(foldText(b));
  });

  it.each([
    ['a line break between characters that are written without spaces', '您好\n在吗', '您好在吗'],
    ['a space next to such a character', '订单 123 已发货', '订单123已发货'],
    ['a space next to an emoji', 'ok 👍\uFE0F', 'ok👍'],
    ['full-width brackets', '小店（旗舰店）', '小店(旗舰店)'],
    ['half-width kana', 'ｶﾞ', 'ガ'],
    ['a price', '￥１００', '¥100'],
    ['an ellipsis', '……', '......'],
    ['a hyphen that does not break', 're\u2011send', 're-send'],
    ['a dash, a dot and a wave dash of other character sets', '―・〜', '—·~'],
    ['a family of emoji', '👨\u200D👩\u200D👧', '👨👩👧'],
    ['a hand with a skin tone and a presentation', '☝\uFE0F🏻', '☝🏻'],
    ['entities, escaped any number of times', '&amp;amp;lt;a&#x20;b&#62;&nbsp;&#20320;', '<a b>你'],
  ])('does not tell %s', (_, a, b) => {
    expect(foldText(a)).toBe(foldText(b));
  });

  it.each(['&', '&amp', '&unknown;', '&#0000000000;', '&#xD800;', '&#1114112;', '&;'])(
    'keeps %s, which is no entity',
    (some) => {
      expect(foldText(some)).toBe(some);
    },
  );

  it.each(['', ' ', '\u200B', '\uFE0F\u200D', '\u2800', '\n\0'])('without visible characters is empty', (some) => {
    expect(foldText(some)).toBe('');
  });

  it.each([
    ['an entity in an entity', '&', '#8288;'],
    ['an invisible character in an entity', '&\u200B', 'amp;'],
    ['an escaped end of an entity', '&amp', '&#59;'],
    ['marks in no order', 'a', '\u0323\u0301'],
    ['marks of half-width kana', 'a', '\uFF9E\u0327'],
    ['escaped marks', 'a', '&#x301;&#x323;'],
    ['ends of entities', '&', ';'],
  ])('of any length is ready in time that grows with its length: %s', (_, start, end) => {
    const length = 100_000;
    const text = start === 'a' ? start + end.repeat(2 * length) : start.repeat(length) + end.repeat(length);
    const folded = foldText(text);
    expect(foldText(folded) === folded).toBe(true);
  });
});
