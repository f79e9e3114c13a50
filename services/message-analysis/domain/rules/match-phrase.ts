import type { Phrase } from './rule-set.ts';
import { type TokenRange, WordList } from './word-list.ts';

/** A phrase whose parts are resolved. */
export interface CompiledPhrase {
  readonly phrase: Phrase;
  readonly parts: readonly { readonly words: WordList; readonly isOptional: boolean }[];
}

/** Tokens that change the meaning of what stands around them: they never fill a gap. */
const NOT_IN_A_GAP = new Set([...'不没别未过', 'not', 'no', "don't", 'never', "didn't"]);

/** Resolves the parts of a phrase; `listOf` returns the named list. */
export function compilePhrase(phrase: Phrase, listOf: (name: string) => WordList): CompiledPhrase {
  const parts = phrase.text.split(' ').map((part) => {
    const isOptional = part.endsWith('?');
    const word = isOptional ? part.slice(0, -1) : part;
    return { words: word.startsWith('{') ? listOf(word.slice(1, -1)) : new WordList([word]), isOptional };
  });
  return { phrase, parts };
}

/** Where the phrase stands in a clause with these tokens, each place as short as possible. `distinct` holds each token once. */
export function findPhrase(
  { phrase, parts }: CompiledPhrase,
  texts: readonly string[],
  distinct: ReadonlySet<string>,
  fillers: WordList,
): TokenRange[] {
  if (!parts.every(({ words, isOptional }) => isOptional || words.mayBeAmong(distinct))) return [];
  // by the end of the part before: the latest start
  let reached = new Map<number, number>();
  parts.forEach(({ words, isOptional }, index) => {
    const next = new Map<number, number>();
    const add = (end: number, start: number) => next.set(end, Math.max(start, next.get(end) ?? -1));
    const mayBegin = parts.slice(0, index).every((part) => part.isOptional);
    for (let at = 0; at < texts.length; at++) {
      const ends = words
        .endsFrom(texts, at)
        // a phrase begins with the whole of a word: not with the 接 of 转接
        .filter((end) => !mayBegin || words.longestStart(texts, end) === at);
      if (ends.length === 0) continue;
      const start = mayBegin ? at : latestStart(reached, texts, at, phrase.gap);
      if (start !== undefined) for (const end of ends) add(end, start);
    }
    if (isOptional) for (const [end, start] of reached) add(end, start);
    reached = next;
  });
  const ranges = [...reached].map(([end, start]) => ({ start, end }));
  return phrase.alone ? coverOf(ranges, texts, fillers) : ranges;
}

/** The start of the phrase whose earlier parts end at most `gap` tokens before `at`. */
function latestStart(
  reached: ReadonlyMap<number, number>,
  texts: readonly string[],
  at: number,
  gap: number,
): number | undefined {
  for (let end = at; end >= 0 && end >= at - gap; end--) {
    if (end < at && NOT_IN_A_GAP.has(texts[end]!)) return undefined;
    const start = reached.get(end);
    if (start !== undefined) return start;
  }
  return undefined;
}

/** The ranges when they and filling words make up the whole clause; else none. */
function coverOf(ranges: readonly TokenRange[], texts: readonly string[], fillers: WordList): TokenRange[] {
  const reachable = new Set([0]);
  for (let at = 0; at < texts.length; at++) {
    if (!reachable.has(at)) continue;
    for (const end of fillers.endsFrom(texts, at)) reachable.add(end);
    for (const { start, end } of ranges) if (start === at) reachable.add(end);
  }
  return reachable.has(texts.length) ? [...ranges] : [];
}
