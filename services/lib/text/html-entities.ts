const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

const ENTITY = /&(?:(amp|lt|gt|quot|apos|nbsp)|#(\d{1,7})|#[xX]([\da-fA-F]{1,6}));$/;

/** The longest entity. */
const LONGEST = '&#1114111;'.length;

/**
 * Decodes the HTML entities that chat windows show as text: the five of XML, the non-breaking space and numeric ones, however
 * often they were escaped, in one pass. Other text stays unchanged.
 */
export function decodeEntities(text: string): string {
  if (!text.includes('&') || !text.includes(';')) return text;
  let decoded = '';
  for (const part of text.split(/(?<=;)/)) {
    decoded += part;
    for (;;) {
      const tail = decoded.slice(-LONGEST);
      const match = ENTITY.exec(tail);
      const character = match && characterOf(match);
      if (typeof character !== 'string') break;
      decoded = decoded.slice(0, decoded.length - match![0].length) + character;
    }
  }
  return decoded;
}

function characterOf([, name, decimal, hex]: RegExpExecArray): string | undefined {
  if (name) return NAMED[name];
  const code = decimal ? Number(decimal) : Number.parseInt(hex!, 16);
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code).normalize('NFKC') : undefined;
}
