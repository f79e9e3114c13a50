import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultRuleSets } from '../../../../../services/message-analysis/domain/rules/default-rule-sets.ts';
import { evaluateRules } from '../../../../../services/message-analysis/domain/rules/evaluate-rules.ts';
import type { RuleSetKind } from '../../../../../services/message-analysis/domain/rules/rule-set.ts';

interface Line {
  readonly text: string;
  readonly classes: readonly string[];
  readonly part: 'development' | 'held_out';
}

const read = (file: string): Line[] =>
  readFileSync(`test/data/detection/${file}.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const chinese = read('chinese');
const english = read('english');
const split = [...chinese, ...english];

const hitsOf = (text: string, unanswered: readonly string[] = [], kind: RuleSetKind = 'chat') =>
  evaluateRules(defaultRuleSets[kind], { text, unanswered, failures: 0, isUrgent: false, isVip: false });
const detectedClasses = (text: string) =>
  hitsOf(text).map(({ detector }) => (detector === 'request' ? 'request' : 'complaint'));

/** Precision and recall of one class, or of any class. */
function quality(lines: readonly Line[], name?: string) {
  const has = (classes: readonly string[]) => (name ? classes.includes(name) : classes.length > 0);
  const judged = lines.map(({ text, classes }) => ({ expected: has(classes), found: has(detectedClasses(text)) }));
  const right = judged.filter(({ expected, found }) => expected && found).length;
  return {
    precision: right / judged.filter(({ found }) => found).length,
    recall: right / judged.filter(({ expected }) => expected).length,
  };
}

describe('the labelled lines', () => {
  it('are enough, balanced, and split by their hash', () => {
    expect(chinese.length).toBeGreaterThanOrEqual(200);
    expect(english.length).toBeGreaterThanOrEqual(50);
    const positive = split.filter(({ classes }) => classes.length > 0).length / split.length;
    expect(Math.abs(positive - 0.5)).toBeLessThan(0.1);
    for (const { text, part } of split)
      expect(part).toBe(createHash('sha256').update(text).digest()[0]! % 2 === 1 ? 'held_out' : 'development');
  });

  it.each([undefined, 'request', 'complaint'])(
    'that no rule was made with are detected with a precision of 0.98 and a recall of 0.9: %s',
    (name) => {
      const { precision, recall } = quality(
        split.filter(({ part }) => part === 'held_out'),
        name,
      );
      expect(precision).toBeGreaterThanOrEqual(0.98);
      expect(recall).toBeGreaterThanOrEqual(0.9);
    },
  );

  it('that the rules were made with are detected likewise', () => {
    const { precision, recall } = quality([...split.filter(({ part }) => part === 'development'), ...read('tuning')]);
    expect(precision).toBeGreaterThanOrEqual(0.98);
    expect(recall).toBeGreaterThanOrEqual(0.95);
  });

  it('that avoid the usual words are detected with a precision of 0.98 and a recall of 0.85', () => {
    const { precision, recall } = quality(read('indirect'));
    expect(precision).toBeGreaterThanOrEqual(0.98);
    expect(recall).toBeGreaterThanOrEqual(0.85);
  });

  it('of many customers in many situations are detected with a precision of 0.95 and a recall of 0.65', () => {
    const { precision, recall } = quality(read('situations'));
    expect(precision).toBeGreaterThanOrEqual(0.95);
    expect(recall).toBeGreaterThanOrEqual(0.65);
  });

  it('are in no two files', () => {
    const texts = [...split, ...read('tuning'), ...read('indirect'), ...read('situations')].map(({ text }) => text);
    expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
  });
});

describe('the default rules on real dialogues in which no message asks for a human', () => {
  const dialogues = readFileSync('test/data/dialogues/dialogues.jsonl', 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; messages: [side: string, text: string][] });

  it.each(['chat', 'shop'] as const)('never fire on a line of either side: %s', (kind) => {
    const alarms = dialogues.flatMap(({ id, messages }) =>
      messages.flatMap(([, text]) => hitsOf(text, [], kind).map(({ ruleId, matched }) => `${id} ${ruleId} ${matched}`)),
    );
    expect(alarms).toEqual([]);
  });

  it('never fire when each side is replayed as the user, with the messages since the last answer', () => {
    const alarms = ['account', 'shop'].flatMap((user) =>
      dialogues.flatMap(({ id, messages }) => {
        let unanswered: string[] = [];
        return messages.flatMap(([side, text]) => {
          if (side !== user) {
            unanswered = [];
            return [];
          }
          const hits = hitsOf(text, unanswered);
          unanswered = [...unanswered, text];
          return hits.map(({ ruleId }) => `${id} ${ruleId}`);
        });
      }),
    );
    expect(alarms).toEqual([]);
  });
});
