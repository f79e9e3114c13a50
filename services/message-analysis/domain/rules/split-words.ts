/** Words from a text that separates them by white space. */
export function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Words that hold spaces, from a text that separates them by bars. */
export function phrasesOf(text: string): string[] {
  return text.split('|').map((entry) => entry.trim());
}
