import { expect, it } from 'vitest';
import { parseRuleSet } from '../../../../../services/message-analysis/domain/rules/parse-rule-set.ts';

const rule = { id: 'a', detector: 'keywords', phrases: ['退款'] };

it.each<[unknown, string[]]>([
  [undefined, ['the rule set is not an object with lists and rules']],
  [[], ['the rule set is not an object with lists and rules']],
  [{}, ['rules is not a list of at most 100 rules']],
  [{ rules: [], extra: 1 }, ['extra is not a known field']],
  [
    { rules: [{ id: 'a', detector: 'regex' }] },
    ['rules[0].detector needs a detector out of vip, request, keywords, failures, repetition, sentiment'],
  ],
  [{ rules: [{ ...rule, pattern: '.*' }] }, ['rules[0].pattern is not a known field']],
  [{ rules: [{ ...rule, severity: 'huge' }] }, ['rules[0].severity is none of low, medium, high']],
  [{ rules: [{ ...rule, phrases: [] }] }, ['rules[0].phrases is empty: the rule would never fire']],
  [
    { rules: [{ ...rule, phrases: [7] }] },
    ['rules[0].phrases[0] is neither a text nor an object with text, gap, alone, severity'],
  ],
  [
    { rules: [{ ...rule, phrases: [{ text: '退款', gap: 99 }] }] },
    ['rules[0].phrases[0].gap is not a whole number from 0 to 10'],
  ],
  [{ rules: [{ ...rule, phrases: ['退款?'] }] }, ['rules[0].phrases[0] has no part that must be there']],
  [{ rules: [{ ...rule, phrases: ['{x}'] }] }, ['rules[0].phrases[0] names a list that is not there: x']],
  [{ rules: [rule, rule] }, ['rules[1].id is the id of rules[0] as well']],
  [
    { lists: { many: Array.from({ length: 2_001 }, (_, index) => `w${index}`) }, rules: [] },
    ['the rule set has 2001 words; at most 2000 are allowed'],
  ],
  [
    { lists: { long: ['字'.repeat(51)] }, rules: [] },
    ['lists.long[0] is not a word: 1 to 50 characters with a letter or a digit among them'],
  ],
  [
    { lists: { 'Not a name': [] }, rules: [] },
    ['lists is not an object of names and lists of words; names are a-z, 0-9 and _'],
  ],
  [{ rules: [], note: 'x'.repeat(256 * 1024) }, ['the rule set has more than 256 KiB as JSON']],
  [
    { rules: [{ ...rule, confidence: 2, when: 'never', reply: ' ' }] },
    [
      'rules[0].reply is not a text of 1 to 500 characters',
      'rules[0].when is none of before_answer, after_answer',
      'rules[0].confidence is not a number above 0 and at most 1',
    ],
  ],
])('a wrong rule set is refused with a sentence that names the place: %j', (document, faults) => {
  expect(parseRuleSet(document)).toEqual({ faults });
});

it('a phrase of signs only is refused', () => {
  expect(parseRuleSet({ rules: [{ ...rule, phrases: ['…'] }] }).faults).toHaveLength(1);
});

it('a rule set without its optional fields gets their defaults', () => {
  expect(parseRuleSet({ rules: [rule, { id: 'b', detector: 'failures' }] })).toEqual({
    ruleSet: {
      lists: {},
      rules: [
        {
          ...rule,
          phrases: [{ text: '退款', gap: 3, alone: false }],
          exceptions: [],
          any_context: false,
          severity: 'medium',
          when: 'before_answer',
          confidence: 1,
        },
        {
          id: 'b',
          detector: 'failures',
          severity: 'medium',
          when: 'after_answer',
          confidence: 1,
          threshold: 3,
          urgent_threshold: 2,
        },
      ],
    },
  });
});
