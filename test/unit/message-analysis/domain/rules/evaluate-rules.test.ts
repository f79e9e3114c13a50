import { describe, expect, it } from 'vitest';
import { HandoverReason, Severity } from '../../../../../gen/autosession/control/v1/control_pb.js';
import { decide } from '../../../../../services/message-analysis/domain/rules/decide.ts';
import { defaultRuleSets } from '../../../../../services/message-analysis/domain/rules/default-rule-sets.ts';
import { evaluateRules, type RuleInput } from '../../../../../services/message-analysis/domain/rules/evaluate-rules.ts';
import { parseRuleSet } from '../../../../../services/message-analysis/domain/rules/parse-rule-set.ts';
import type { RuleSet } from '../../../../../services/message-analysis/domain/rules/rule-set.ts';

const quiet: RuleInput = { text: '', unanswered: [], failures: 0, isUrgent: false, isVip: false };

function ruleSetOf(...rules: object[]): RuleSet {
  const { ruleSet, faults } = { ruleSet: undefined, ...parseRuleSet({ rules }) };
  if (!ruleSet) throw new Error(faults?.join());
  return ruleSet;
}

const keyword = (word: string, more = {}) => ruleSetOf({ id: 'word', detector: 'keywords', phrases: [word], ...more });
const hitsOf = (ruleSet: RuleSet, input: Partial<RuleInput>) => evaluateRules(ruleSet, { ...quiet, ...input });
const matchedIn = (ruleSet: RuleSet, text: string) => hitsOf(ruleSet, { text }).map(({ matched }) => matched);

describe('a phrase', () => {
  it.each([
    ['full-width forms', 'please refund me', 'ＲＥＦＵＮＤ'],
    ['letter case', 'refund', 'ReFund'],
    ['spaces within a word', '人工客服', '人 工 客 服'],
    ['signs within a word', '人工', '人*工'],
    ['invisible characters', '转人工', '转​人‍工'],
    ['traditional characters', '转接专员', '轉接專員'],
    ['escaped characters', '人工', '人&#24037;'],
    ['letters with spaces between', 'human', 'h u m a n'],
  ])('is found whatever its spelling: %s', (_, word, text) => {
    expect(matchedIn(keyword(word.split(' ')[1] ?? word), `好，${text}！`)).toEqual([text]);
  });

  it.each(['category', 'concatenate', 'cats'])('is no part of a word of an alphabet: %s', (text) => {
    expect(matchedIn(keyword('cat'), text)).toEqual([]);
  });

  it('spans no two clauses', () => {
    expect(matchedIn(keyword('退 款'), '退，款')).toEqual([]);
    expect(matchedIn(keyword('退 款'), '退我的款')).toEqual(['退我的款']);
  });

  it('has its place in the original text, before which emoji count as two', () => {
    const text = '😀&amp; 我要 转　人 工！';
    const [hit] = hitsOf(keyword('转人工'), { text });
    expect(text.slice(hit!.start, hit!.end)).toBe('转　人 工');
    expect(hit).toMatchObject({ matched: '转　人 工', start: 11 });
  });

  it('takes its own severity before that of its rule, and the most severe phrase counts', () => {
    const ruleSet = keyword('慢', { severity: 'low', phrases: ['慢', { text: '破损', severity: 'high' }] });
    expect(hitsOf(ruleSet, { text: '慢，而且破损' })).toMatchObject([{ matched: '破损', severity: Severity.HIGH }]);
  });
});

describe('a mention that is none of the writer’s own', () => {
  it.each([
    '不用退款',
    '我没说要退款',
    '先别给我退款',
    '他说“退款”',
    '客服说可以退款',
    '如果尺码不对，可以退款吗？',
    "I don't want a 退款",
  ])('does not hit: %s', (text) => {
    expect(matchedIn(keyword('退款'), text)).toEqual([]);
    expect(matchedIn(keyword('退款', { any_context: true }), text)).toEqual(['退款']);
  });

  it.each(['为什么不给我退款', '能不能退款', '不是质量问题，我要退款', '再不退款我就走了', '“退款”'])(
    'hits: %s',
    (text) => {
      expect(matchedIn(keyword('退款'), text)).toEqual(['退款']);
    },
  );
});

describe('the detectors that are not about words', () => {
  const rules = ruleSetOf(
    { id: 'failures', detector: 'failures' },
    { id: 'repeats', detector: 'repetition', times: 3 },
    { id: 'mood', detector: 'sentiment', words: ['烦', '失望'], threshold: 2 },
    { id: 'vip', detector: 'vip', severity: 'high', reason: 'manual', reply: '马上来' },
  );
  const idsOf = (input: Partial<RuleInput>) => hitsOf(rules, input).map(({ ruleId }) => ruleId);

  it('count three failures in a row, two in an urgent session', () => {
    expect(idsOf({ failures: 2 })).toEqual([]);
    expect(idsOf({ failures: 3 })).toEqual(['failures']);
    expect(idsOf({ failures: 2, isUrgent: true })).toEqual(['failures']);
  });

  it('find the same message for the third time without an answer, whatever its spelling', () => {
    expect(idsOf({ text: '在吗？', unanswered: ['在吗', '好'] })).toEqual([]);
    expect(idsOf({ text: '在吗？', unanswered: ['在 吗', '在吗!!'] })).toEqual(['repeats']);
    expect(idsOf({ text: '？', unanswered: ['？', '？'] })).toEqual([]);
  });

  it('count the different words of a lexicon', () => {
    expect(idsOf({ text: '烦，烦死了' })).toEqual([]);
    expect(idsOf({ text: '烦死了，失望' })).toEqual(['mood']);
    expect(idsOf({ text: '不烦，也不失望' })).toEqual([]);
  });

  it('report a VIP with the reason and the sentence of the rule', () => {
    expect(hitsOf(rules, { isVip: true })).toMatchObject([
      { ruleId: 'vip', reason: HandoverReason.MANUAL, severity: Severity.HIGH, reply: '马上来', when: 'before_answer' },
    ]);
  });
});

describe('the hit that acts', () => {
  it('is that of the VIP, then of a request or keyword, then of failures, then of sentiment', () => {
    const ruleSet = ruleSetOf(
      { id: 'mood', detector: 'sentiment', words: ['烦'], severity: 'high' },
      { id: 'failures', detector: 'failures', severity: 'high' },
      { id: 'word', detector: 'keywords', phrases: ['烦'], severity: 'low' },
      { id: 'vip', detector: 'vip', severity: 'low' },
    );
    const all = hitsOf(ruleSet, { text: '烦', failures: 3, isVip: true });
    const order = [];
    for (let rest = all; rest.length > 0; ) {
      const first = decide(rest)!;
      order.push(first.ruleId);
      rest = rest.filter((hit) => hit !== first);
    }
    expect(order).toEqual(['vip', 'word', 'failures', 'mood']);
    expect(decide([])).toBeUndefined();
  });

  it('is the more severe one of two keywords', () => {
    const ruleSet = ruleSetOf(
      { id: 'first', detector: 'keywords', phrases: ['退款'] },
      { id: 'second', detector: 'request', phrases: ['人工'], severity: 'high' },
    );
    expect(decide(hitsOf(ruleSet, { text: '退款，人工' }))?.ruleId).toBe('second');
  });
});

describe('the default rule sets', () => {
  it('of shop sessions have no rule', () => {
    expect(defaultRuleSets.shop.rules).toEqual([]);
  });

  it.each(['客服', '抱歉', '亲，人工客服在线时间为9:00-22:00', '如需人工服务请回复1'])(
    'of chats do not fire on ordinary talk of merchants: %s',
    (text) => {
      expect(matchedIn(defaultRuleSets.chat, text)).toEqual([]);
    },
  );

  it('judge the longest message within a moment, by its beginning and its end', () => {
    const text = `${'好的谢谢你'.repeat(1_000)}。我要转人工`;
    expect(matchedIn(defaultRuleSets.chat, text)).toEqual(['转人工']);
  });
});
