import { compileRuleSet } from './compile-rule-set.ts';
import { FILLERS } from './context-words.ts';
import { type CompiledPhrase, findPhrase } from './match-phrase.ts';
import { isNoOwnStatement } from './mention-context.ts';
import {
  type PhraseRule,
  type RepetitionRule,
  type Rule,
  type RuleSet,
  type SentimentRule,
  severities,
} from './rule-set.ts';
import { type Clause, tokenTexts } from './tokenize.ts';
import type { TokenRange } from './word-list.ts';

/** What a rule found in a text, and where, in UTF-16 code units. */
export interface TextMatch {
  readonly matched: string;
  readonly start: number;
  readonly end: number;
  readonly severity?: Rule['severity'];
}

/** The most severe match of a phrase, the first one among equals. */
export function phraseMatchOf(
  ruleSet: RuleSet,
  rule: PhraseRule,
  text: string,
  clauses: readonly Clause[],
): TextMatch | undefined {
  const { phrases, exceptions } = compileRuleSet(ruleSet).phraseRules.get(rule.id)!;
  let best: (TextMatch & { readonly severity: Rule['severity'] }) | undefined;
  clauses.forEach((clause, index) => {
    const texts = clause.tokens.map((token) => token.text);
    const distinct = new Set(texts);
    const find = (phrase: CompiledPhrase) => findPhrase(phrase, texts, distinct, FILLERS);
    const excluded = exceptions.flatMap(find);
    for (const phrase of phrases)
      for (const range of find(phrase)) {
        if (excluded.some((other) => overlaps(range, other))) continue;
        if (!rule.any_context && isNoOwnStatement(clauses, index, range)) continue;
        const match = { ...matchAt(text, clause, range), severity: phrase.phrase.severity ?? rule.severity };
        if (!best || severities.indexOf(match.severity) > severities.indexOf(best.severity)) best = match;
      }
  });
  return best;
}

function overlaps(a: TokenRange, b: TokenRange): boolean {
  return a.start < b.end && b.start < a.end;
}

function matchAt(text: string, { tokens }: Clause, range: TokenRange): TextMatch {
  const { start } = tokens[range.start]!;
  const { end } = tokens[range.end - 1]!;
  return { matched: text.slice(start, end), start, end };
}

export function repetitionOf(
  { times }: RepetitionRule,
  text: string,
  unanswered: readonly string[],
): TextMatch | undefined {
  const said = tokenTexts(text).join(' ');
  if (said === '') return undefined;
  const before = unanswered.filter((earlier) => tokenTexts(earlier).join(' ') === said).length;
  return before + 1 >= times ? { matched: text, start: 0, end: text.length } : undefined;
}

/** From the first to the last word of the lexicon that stands in the text and is no negation's. */
export function sentimentOf(
  ruleSet: RuleSet,
  rule: SentimentRule,
  text: string,
  clauses: readonly Clause[],
): TextMatch | undefined {
  const lexicon = compileRuleSet(ruleSet).lexicons.get(rule.id)!;
  const found = clauses.flatMap((clause, index) => {
    const texts = clause.tokens.map((token) => token.text);
    return texts.flatMap((_, start) =>
      lexicon
        .endsFrom(texts, start)
        .filter((end) => !isNoOwnStatement(clauses, index, { start, end }))
        .map((end) => matchAt(text, clause, { start, end })),
    );
  });
  if (new Set(found.map(({ matched }) => matched)).size < rule.threshold) return undefined;
  const start = Math.min(...found.map((match) => match.start));
  const end = Math.max(...found.map((match) => match.end));
  return { matched: text.slice(start, end), start, end };
}
