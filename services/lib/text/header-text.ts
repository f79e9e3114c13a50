const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a header's value. Node gives a character per byte, while callers write UTF-8: the same key in a header and in a
 * field has to be the same. What is not UTF-8 stays as it is.
 */
export function headerText(value: string): string {
  if (!/[\u0080-\uffff]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
