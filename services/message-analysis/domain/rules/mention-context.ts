import {
  BOT_REPORTS,
  CONDITIONS,
  FUTURE_WORDS,
  INSISTING_WORDS,
  LIGHT_WORDS,
  NEGATIONS,
  NOW_WORDS,
  OTHERS,
  QUESTION_WORDS,
  REPORTING_WORDS,
} from './context-words.ts';
import type { Clause } from './tokenize.ts';
import type { TokenRange } from './word-list.ts';

const MAX_REPORT_DISTANCE = 12;
const MAX_SUBJECT_DISTANCE = 4;
const MAX_NEGATION_TOKENS = 4;

/**
 * Whether the mention is none: the writer negates it, quotes or reports it, or asks what would be. `clauses` is the whole text,
 * `index` the clause of the mention.
 */
export function isNoOwnStatement(clauses: readonly Clause[], index: number, mention: TokenRange): boolean {
  const clause = clauses[index]!;
  const texts = clause.tokens.map(({ text }) => text);
  return (
    clause.tokens[mention.start]!.isQuoted ||
    beginsWithinNegation(texts, mention.start) ||
    isNegated(texts, mention.start) ||
    isReported(texts, mention.start) ||
    isHypothetical(clauses, index, texts, mention)
  );
}

/** Whether a negation reaches into the mention: the 要 of 不需要. */
function beginsWithinNegation(texts: readonly string[], start: number): boolean {
  for (let at = Math.max(0, start - MAX_NEGATION_TOKENS); at < start; at++)
    if (NEGATIONS.endsFrom(texts, at).some((end) => end > start)) return true;
  return false;
}

/** Goes back over light words to a negation. */
function isNegated(texts: readonly string[], start: number): boolean {
  for (let end = start; end > 0; ) {
    const insisting = INSISTING_WORDS.longestStart(texts, end) ?? end;
    const negation = NEGATIONS.longestStart(texts, end) ?? end;
    const light = LIGHT_WORDS.longestStart(texts, end) ?? end;
    const longest = Math.min(insisting, negation, light);
    if (longest === end || longest === insisting) return false;
    if (longest === negation) return true;
    end = longest;
  }
  return false;
}

function isReported(texts: readonly string[], start: number): boolean {
  const from = Math.max(0, start - MAX_REPORT_DISTANCE);
  if (BOT_REPORTS.isIn(texts, from, start)) return true;
  for (let at = from; at < start; at++)
    for (const end of OTHERS.endsFrom(texts, at))
      for (let verb = end; verb <= end + MAX_SUBJECT_DISTANCE && verb < start; verb++)
        if (REPORTING_WORDS.endsFrom(texts, verb).some((verbEnd) => verbEnd <= start)) return true;
  return false;
}

function isHypothetical(
  clauses: readonly Clause[],
  index: number,
  texts: readonly string[],
  mention: TokenRange,
): boolean {
  const { sentence, endsAsQuestion } = clauses[index]!;
  if (NOW_WORDS.isIn(texts, 0, mention.end)) return false;
  const isFuture = FUTURE_WORDS.isIn(texts, 0, mention.start);
  const sentenceTexts = clauses.filter((clause) => clause.sentence === sentence).map(textsOf);
  const before = [
    ...clauses
      .slice(0, index)
      .filter((clause) => clause.sentence === sentence)
      .map(textsOf),
  ];
  const isConditional =
    CONDITIONS.isIn(texts, 0, texts.length) || before.some((tokens) => CONDITIONS.isIn(tokens, 0, tokens.length));
  if (!isFuture && !isConditional) return false;
  const asks = endsAsQuestion || sentenceTexts.some((tokens) => QUESTION_WORDS.isIn(tokens, 0, tokens.length));
  return asks || (isFuture && texts.includes('再'));
}

function textsOf(clause: Clause): string[] {
  return clause.tokens.map(({ text }) => text);
}
