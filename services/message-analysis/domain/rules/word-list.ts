import { tokenTexts } from './tokenize.ts';

/** A place in a clause: from the token `start` to before the token `end`. */
export interface TokenRange {
  readonly start: number;
  readonly end: number;
}

/** Words, each a sequence of tokens, found by their first or last token. */
export class WordList {
  readonly #byFirst: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly #byLast: ReadonlyMap<string, readonly (readonly string[])[]>;

  constructor(words: Iterable<string>) {
    const sequences = [...new Set(words)].map(tokenTexts).filter((tokens) => tokens.length > 0);
    this.#byFirst = Map.groupBy(sequences, (tokens) => tokens[0]!);
    this.#byLast = Map.groupBy(sequences, (tokens) => tokens.at(-1)!);
  }

  /** Whether one of these tokens begins a word. */
  mayBeAmong(distinct: ReadonlySet<string>): boolean {
    for (const text of distinct) if (this.#byFirst.has(text)) return true;
    return false;
  }

  /** The ends of the words that begin at `start`. */
  endsFrom(texts: readonly string[], start: number): number[] {
    const candidates = this.#byFirst.get(texts[start] ?? '') ?? [];
    return candidates.filter((word) => isAt(word, texts, start)).map((word) => start + word.length);
  }

  /** The start of the longest word that ends before `end`; undefined without one. */
  longestStart(texts: readonly string[], end: number): number | undefined {
    const candidates = this.#byLast.get(texts[end - 1] ?? '') ?? [];
    const lengths = candidates.filter((word) => isAt(word, texts, end - word.length)).map((word) => word.length);
    return lengths.length === 0 ? undefined : end - Math.max(...lengths);
  }

  /** Whether one of the words stands between `start` and `end`. */
  isIn(texts: readonly string[], start: number, end: number): boolean {
    for (let at = start; at < end; at++) if (this.endsFrom(texts, at).some((wordEnd) => wordEnd <= end)) return true;
    return false;
  }
}

function isAt(word: readonly string[], texts: readonly string[], start: number): boolean {
  return start >= 0 && word.every((token, index) => texts[start + index] === token);
}
