import { foldText } from '../../lib/text/fold.ts';
import { decodeEntities } from '../../lib/text/html-entities.ts';

/** Characters that only change how the character before them is drawn. */
const VARIATION_SELECTORS = /[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/gu;

/** What folding drops: characters that are not seen, and a blank at the end. */
const DROPPED = /\p{Default_Ignorable_Code_Point}|\p{Cc}|[\p{White_Space}\u2800]$/u;

/**
 * Whether a content begins with the bot's prefix, or with what looks the same. A prefix with characters that are not seen, or with
 * a blank at its end, is compared as it is: they may be all that tells the bot's words from a human's.
 */
export function beginsWith(content: string, prefix: string): boolean {
  if (content.startsWith(prefix)) return true;
  const shown = decodeEntities(prefix, (character) => character).replace(VARIATION_SELECTORS, '');
  const folded = DROPPED.test(shown) ? '' : foldText(prefix);
  return folded !== '' && foldText(content).startsWith(folded);
}
