import { foldText } from '../../../lib/text/fold-text.ts';
import { simplified } from './simplified-characters.ts';

/** A character of a script without spaces, or a word of an alphabet, in the form in which it is compared. */
export interface Token {
  readonly text: string;
  /** Its place in the original text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Whether it stands between quotation marks. */
  readonly isQuoted: boolean;
}

/** What stands between two marks that end a clause. */
export interface Clause {
  readonly tokens: readonly Token[];
  /** The number of its sentence: clauses of one sentence are separated by commas and colons. */
  readonly sentence: number;
  /** Whether a question mark ends its sentence. */
  readonly endsAsQuestion: boolean;
}

/** Longer texts are judged by their first and last tokens, half of this number each. */
export const MAX_TOKENS = 4_000;

/** What is folded as one: an escaped character, or a character with its marks. */
const SEGMENT = /&(?:amp;)*(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-f]{1,6});|\P{M}\p{M}*|\p{M}+/giu;
const WORD_CHARACTER = /^(?:(?!\p{Script=Han})[\p{L}\p{N}])+$/u;
const HAN = /^\p{Script=Han}$/u;
const LINE_END = /[\n\r\u2028\u2029]/u;
const SENTENCE_END = /^[。!?;｡]$/u;
const CLAUSE_END = /^[,:]$/u;
const OPENING_QUOTES = '“「『‘《〝';
const CLOSING_QUOTES = '”」』’》〞';
/** Shorter runs of single letters are words: `i`, `a`. */
const MIN_SPACED_LETTERS = 4;

type Mark = 'space' | 'clause' | 'sentence' | 'question' | 'open' | 'close' | 'toggle';
type Piece = { text: string; start: number; end: number } | { mark: Mark };

/**
 * The clauses of a text. Full-width forms, letter case, traditional characters, entities, invisible characters, and spaces and
 * signs within words make no difference.
 */
export function tokenize(text: string): Clause[] {
  const pieces = joinSpacedLetters(piecesOf(text));
  const quoted = quotedPieces(pieces);
  const clauses: { tokens: Token[]; sentence: number }[] = [];
  const questions = new Set<number>();
  let tokens: Token[] = [];
  let sentence = 0;
  const endClause = () => {
    if (tokens.length > 0) clauses.push({ tokens, sentence });
    tokens = [];
  };
  pieces.forEach((piece, index) => {
    if (!('mark' in piece)) tokens.push({ ...piece, isQuoted: quoted.has(index) });
    else if (piece.mark === 'clause' || piece.mark === 'sentence' || piece.mark === 'question') {
      endClause();
      if (piece.mark === 'question') questions.add(sentence);
      if (piece.mark !== 'clause') sentence++;
    }
  });
  endClause();
  return clauses.map((clause) => ({ ...clause, endsAsQuestion: questions.has(clause.sentence) }));
}

/** The texts of all tokens, for words of a rule set and for comparing messages. */
export function tokenTexts(text: string): string[] {
  return tokenize(text).flatMap(({ tokens }) => tokens.map((token) => token.text));
}

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let word: { text: string; start: number; end: number } | undefined;
  const add = (piece: Piece) => {
    if (word) pieces.push(word);
    word = undefined;
    pieces.push(piece);
  };
  for (const match of text.matchAll(SEGMENT)) {
    const start = match.index;
    const end = start + match[0].length;
    if (LINE_END.test(match[0])) {
      add({ mark: 'sentence' });
      continue;
    }
    const folded = foldText(match[0]).toLowerCase();
    if (folded === '') {
      if (/\s/u.test(match[0])) add({ mark: 'space' });
      continue;
    }
    for (const character of folded) {
      const next = text.slice(end, end + 1);
      if (HAN.test(character)) add({ text: simplified(character), start, end });
      else if (WORD_CHARACTER.test(character) || (word && isApostrophe(character, next)))
        word = { text: (word?.text ?? '') + character.replace('’', "'"), start: word?.start ?? start, end };
      // any other sign separates words as a space does
      else add({ mark: markOf(character, next) ?? 'space' });
    }
  }
  if (word) pieces.push(word);
  return shorten(pieces);
}

function isApostrophe(character: string, next: string): boolean {
  return (character === "'" || character === '’') && WORD_CHARACTER.test(next);
}

/** A full stop ends a sentence only before white space and at the end of the text: `3.5`, `转.人.工`. */
function markOf(character: string, next: string): Mark | undefined {
  if (character === '?') return 'question';
  if (SENTENCE_END.test(character) || (character === '.' && !/^[^\s.]/u.test(next))) return 'sentence';
  if (CLAUSE_END.test(character)) return 'clause';
  if (OPENING_QUOTES.includes(character)) return 'open';
  if (CLOSING_QUOTES.includes(character)) return 'close';
  return character === '"' ? 'toggle' : undefined;
}

function shorten(pieces: Piece[]): Piece[] {
  if (pieces.length <= MAX_TOKENS) return pieces;
  return [...pieces.slice(0, MAX_TOKENS / 2), { mark: 'sentence' }, ...pieces.slice(-MAX_TOKENS / 2)];
}

/** `h u m a n` is one word. */
function joinSpacedLetters(pieces: readonly Piece[]): Piece[] {
  const joined: Piece[] = [];
  const isLetter = (piece: Piece | undefined) => piece !== undefined && 'text' in piece && /^[a-z]$/.test(piece.text);
  for (let index = 0; index < pieces.length; index++) {
    const letters: { text: string; start: number; end: number }[] = [];
    let next = index;
    for (let piece = pieces[next]; piece && isLetter(piece) && 'text' in piece; piece = pieces[next]) {
      letters.push(piece);
      const space = pieces[next + 1];
      next += space && 'mark' in space && space.mark === 'space' ? 2 : 1;
    }
    if (letters.length >= MIN_SPACED_LETTERS) {
      const text = letters.map((letter) => letter.text).join('');
      joined.push({ text, start: letters[0]!.start, end: letters.at(-1)!.end });
      index = next - 1;
    } else joined.push(pieces[index]!);
  }
  return joined;
}

/** The indexes of pieces between an opening and a closing quotation mark; none when everything is quoted. */
function quotedPieces(pieces: readonly Piece[]): ReadonlySet<number> {
  const quoted = new Set<number>();
  let openedAt: number | undefined;
  pieces.forEach((piece, index) => {
    if (!('mark' in piece)) return;
    const closes = piece.mark === 'close' || (piece.mark === 'toggle' && openedAt !== undefined);
    if (closes && openedAt !== undefined) {
      for (let between = openedAt + 1; between < index; between++) quoted.add(between);
      openedAt = undefined;
    } else if (piece.mark === 'open' || piece.mark === 'toggle') openedAt ??= index;
  });
  const isAllQuoted = pieces.every((piece, index) => 'mark' in piece || quoted.has(index));
  return isAllQuoted ? new Set() : quoted;
}
