/** The kind of session that a rule set is for. */
export const ruleSetKinds = ['chat', 'shop'] as const;
export type RuleSetKind = (typeof ruleSetKinds)[number];

export const severities = ['low', 'medium', 'high'] as const;
export const ruleReasons = ['user_request', 'keyword', 'fail_loop', 'sentiment', 'vip', 'regulator', 'manual'] as const;
export const actTimes = ['before_answer', 'after_answer'] as const;

/** A rule set as it is written, stored and shown: JSON. */
export interface RuleSet {
  /** Named lists of words, which phrases use as `{name}`. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly Rule[];
}

export type Rule = VipRule | PhraseRule | FailuresRule | RepetitionRule | SentimentRule;
export type Detector = Rule['detector'];

interface RuleBase {
  /** Unique in its rule set. */
  readonly id: string;
  readonly severity: (typeof severities)[number];
  /** Why control moves; without it, the detector's own reason. */
  readonly reason?: (typeof ruleReasons)[number];
  /** The sentence that the user reads when the rule acts. */
  readonly reply?: string;
  /** Whether the rule ends the turn without the bot's answer, or acts behind it. */
  readonly when: (typeof actTimes)[number];
  /** How sure a hit is, above 0 and at most 1. */
  readonly confidence: number;
}

export interface VipRule extends RuleBase {
  readonly detector: 'vip';
}

/** Fires where one of its phrases stands in the text, and no exception overlaps it. */
export interface PhraseRule extends RuleBase {
  readonly detector: 'request' | 'keywords';
  readonly phrases: readonly Phrase[];
  readonly exceptions: readonly Phrase[];
  /** Whether negated, quoted, reported and hypothetical mentions count as well. */
  readonly any_context: boolean;
}

/** Fires at `threshold` bot failures in a row; at `urgent_threshold` in an urgent session. */
export interface FailuresRule extends RuleBase {
  readonly detector: 'failures';
  readonly threshold: number;
  readonly urgent_threshold: number;
}

/** Fires when the user writes the same thing for the `times`-th time without an answer between. */
export interface RepetitionRule extends RuleBase {
  readonly detector: 'repetition';
  readonly times: number;
}

/** Fires when `threshold` different words of the lexicon stand in the text. */
export interface SentimentRule extends RuleBase {
  readonly detector: 'sentiment';
  readonly words: readonly string[];
  readonly threshold: number;
}

/** Words in a fixed order within one clause. */
export interface Phrase {
  /** Parts separated by spaces: words, `{list}`, or either with a `?` behind it when it may be absent. */
  readonly text: string;
  /** How many characters (of an alphabet: words) may stand between two parts. */
  readonly gap: number;
  /** Whether the clause may hold nothing else but polite and filling words. */
  readonly alone: boolean;
  /** In place of the rule's. */
  readonly severity?: (typeof severities)[number];
}

export const emptyRuleSet: RuleSet = { lists: {}, rules: [] };
