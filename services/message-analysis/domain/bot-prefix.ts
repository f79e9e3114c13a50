import { foldText } from '../../lib/text/fold-text.ts';
import { decodeEntities } from '../../lib/text/html-entities.ts';

/** Characters that only change how the character before them is rendered. */
const VARIATION_SELECTORS = /[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/gu;

/** What folding removes: invisible characters, and a blank at the end. */
const DROPPED_BY_FOLDING = /\p{Default_Ignorable_Code_Point}|\p{Cc}|[\p{White_Space}\u2800]$/u;

/**
 * Whether a content begins with the bot's prefix, or with what looks the same. A prefix with invisible characters, or with a
 * blank at its end, is compared exactly: they may be all that distinguishes the bot's messages from a human's.
 */
export function hasBotPrefix(content: string, prefix: string): boolean {
  if (content.startsWith(prefix)) return true;
  const visiblePrefix = decodeEntities(prefix, (character) => character).replace(VARIATION_SELECTORS, '');
  const folded = DROPPED_BY_FOLDING.test(visiblePrefix) ? '' : foldText(prefix);
  return folded !== '' && foldText(content).startsWith(folded);
}
