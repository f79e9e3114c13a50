/** The pattern of the protos for texts that SQL compares: MariaDB ignores trailing spaces. */
const TRIMMED_PATTERN = /^[^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u;

/** The error text for a value that breaks this rule. */
export const NOT_TRIMMED_TEXT = 'must not begin or end with white space, and must not hold control characters';

/** Whether an identifier, a name or a key has no white space at its ends and no control characters; false for an empty one. */
export function isTrimmed(text: string): boolean {
  return TRIMMED_PATTERN.test(text);
}
