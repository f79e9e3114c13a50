import { decodeEntities } from './html-entities.ts';
import { nfkc } from './nfkc.ts';

/** Invisible characters: default-ignorable code points, marks of interlinear annotations, controls except white space. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]|(?!\p{White_Space})\p{Cc}/gu;

/** The braille pattern without dots looks like a space. */
const WHITE_SPACE = /[\p{White_Space}\u2800]+/gu;

/**
 * A space next to a character of a script that is written without spaces, or next to an emoji: line breaks add and remove such
 * spaces, and they separate no words.
 */
const UNSPACED_SCRIPTS = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Bopomofo}\\u3000-\\u303F]';
const INSIGNIFICANT_SPACE = new RegExp(
  `(?<=${UNSPACED_SCRIPTS}|\\p{Extended_Pictographic}) | (?=${UNSPACED_SCRIPTS}|\\p{Extended_Pictographic})`,
  'gu',
);

/** Characters to which character sets of East Asia assign two code points, and the hyphen that NFKC makes of U+2011. */
const EQUIVALENT_CHARACTERS: Readonly<Record<string, string>> = {
  '\u2010': '-',
  '\u2212': '-',
  '\u2015': '\u2014',
  '\u301C': '~',
  '\u2225': '\u2016',
  '\u2027': '\u00B7',
  '\u30FB': '\u00B7',
};
const EQUIVALENT_CHARACTER = new RegExp(`[${Object.keys(EQUIVALENT_CHARACTERS).join('')}]`, 'gu');

/** A text that folding does not change; most texts are such. */
const ALREADY_FOLDED = /^[!-%'-~\u4E00-\u9FA5]*$/;

/**
 * The form in which texts are compared that look the same to a reader: NFKC, without invisible characters, white space as one
 * space between words and removed elsewhere, HTML entities decoded. Letters keep their case. Folding is idempotent. A text
 * without a visible character folds to the empty text: its caller decides what that is equal to.
 */
export function foldText(text: string): string {
  for (let before = text; ; ) {
    if (ALREADY_FOLDED.test(before)) return before;
    const after = foldOnce(before);
    if (after === before) return after;
    before = after;
  }
}

/** The longest name. */
const MAX_NAME_LENGTH = 100;

/** The form that names have in common which look the same to a reader; the name itself when it has no visible character. */
export function foldName(name: string): string {
  const folded = foldText(name);
  return folded === '' || [...folded].length > MAX_NAME_LENGTH ? name : folded;
}

function foldOnce(text: string): string {
  const folded = decodeEntities(visibleText(text), visibleText)
    .replace(EQUIVALENT_CHARACTER, (character) => EQUIVALENT_CHARACTERS[character]!)
    .replace(WHITE_SPACE, ' ')
    .replace(INSIGNIFICANT_SPACE, '')
    .trim();
  return nfkc(folded);
}

function visibleText(text: string): string {
  return nfkc(text.replace(INVISIBLE, ''));
}
