import { HandoverReason, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import type { Detector, Rule, RuleSet } from './rule-set.ts';
import { phraseMatchOf, repetitionOf, sentimentOf, type TextMatch } from './text-detectors.ts';
import { type Clause, tokenize } from './tokenize.ts';

/** What rules judge: a message of a user, and what led to it. */
export interface RuleInput {
  readonly text: string;
  /** The user's messages since the last answer, oldest first, without this one. */
  readonly unanswered: readonly string[];
  /** The bot's failures in a row, up to now. */
  readonly failures: number;
  readonly isUrgent: boolean;
  readonly isVip: boolean;
}

/** A rule that fires, with its evidence. */
export interface RuleHit {
  readonly ruleId: string;
  readonly detector: Detector;
  readonly reason: HandoverReason;
  readonly severity: Severity;
  readonly confidence: number;
  /** What it matched and where, in UTF-16 code units of the text; empty when the rule is not about the text. */
  readonly matched: string;
  readonly start: number;
  readonly end: number;
  readonly when: Rule['when'];
  /** The sentence that the user reads when this hit acts; empty for none. */
  readonly reply: string;
}

const severityOf = { low: Severity.LOW, medium: Severity.MEDIUM, high: Severity.HIGH } as const;

const reasonOf: Readonly<Record<NonNullable<Rule['reason']>, HandoverReason>> = {
  user_request: HandoverReason.USER_REQUEST,
  keyword: HandoverReason.KEYWORD,
  fail_loop: HandoverReason.FAIL_LOOP,
  sentiment: HandoverReason.SENTIMENT,
  vip: HandoverReason.VIP,
  regulator: HandoverReason.REGULATOR,
  manual: HandoverReason.MANUAL,
};

const reasonOfDetector: Readonly<Record<Detector, HandoverReason>> = {
  vip: HandoverReason.VIP,
  request: HandoverReason.USER_REQUEST,
  keywords: HandoverReason.KEYWORD,
  failures: HandoverReason.FAIL_LOOP,
  repetition: HandoverReason.FAIL_LOOP,
  sentiment: HandoverReason.SENTIMENT,
};

const withoutText: TextMatch = { matched: '', start: 0, end: 0 };

/** The rules that fire, at most one hit each, in the order of the rule set. Pure: the same input gives the same hits. */
export function evaluateRules(ruleSet: RuleSet, input: RuleInput): RuleHit[] {
  if (ruleSet.rules.length === 0) return [];
  const clauses = tokenize(input.text);
  return ruleSet.rules.flatMap((rule) => {
    const match = matchOf(ruleSet, rule, input, clauses);
    return match ? [hitOf(rule, match)] : [];
  });
}

function matchOf(ruleSet: RuleSet, rule: Rule, input: RuleInput, clauses: readonly Clause[]): TextMatch | undefined {
  switch (rule.detector) {
    case 'vip':
      return input.isVip ? withoutText : undefined;
    case 'failures':
      return input.failures >= (input.isUrgent ? rule.urgent_threshold : rule.threshold) ? withoutText : undefined;
    case 'repetition':
      return repetitionOf(rule, input.text, input.unanswered);
    case 'sentiment':
      return sentimentOf(ruleSet, rule, input.text, clauses);
    default:
      return phraseMatchOf(ruleSet, rule, input.text, clauses);
  }
}

function hitOf(rule: Rule, { severity, ...match }: TextMatch): RuleHit {
  return {
    ruleId: rule.id,
    detector: rule.detector,
    reason: rule.reason ? reasonOf[rule.reason] : reasonOfDetector[rule.detector],
    severity: severityOf[severity ?? rule.severity],
    confidence: rule.confidence,
    ...match,
    when: rule.when,
    reply: rule.reply ?? '',
  };
}
