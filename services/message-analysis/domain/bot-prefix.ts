import { foldText } from '../../lib/text/fold.ts';

/** Signs that only change how the character before them is drawn. */
const VARIATION_SELECTORS = /[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/gu;

const UNSEEN = /\p{Default_Ignorable_Code_Point}|\p{Cc}/u;

/**
 * Whether a content begins with the bot's prefix, or with what looks the same. A prefix with characters that are not seen is
 * compared as it is: they may be all that tells the bot's words from a human's.
 */
export function beginsWith(content: string, prefix: string): boolean {
  if (content.startsWith(prefix)) return true;
  const folded = UNSEEN.test(prefix.replace(VARIATION_SELECTORS, '')) ? '' : foldText(prefix);
  return folded !== '' && foldText(content).startsWith(folded);
}
