const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a header's value. Node returns one character per byte, while callers send UTF-8: the same key must be equal in a
 * header and in a field. Text that is not UTF-8 stays unchanged.
 */
export function decodeHeaderText(value: string): string {
  if (!/[\u0080-\uffff]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
