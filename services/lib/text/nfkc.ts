/** Marks, and the two of half-width kana that NFKC makes marks of. */
const MARK = '[\\p{M}\\uFF9E\\uFF9F]';

/** More marks on one character than any language puts there: putting marks in order takes the square of their number. */
const EXCESS = new RegExp(`(${MARK}{30})${MARK}+`, 'gu');

/** The text in NFKC, of each character's marks the first 30: in time that grows with the text's length, whatever it is. */
export function nfkc(text: string): string {
  return text.replace(EXCESS, '$1').normalize('NFKC');
}
