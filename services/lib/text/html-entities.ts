const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

const ENTITY = /&(?:(amp|lt|gt|quot|apos|nbsp)|#(\d{1,7})|#[xX]([\da-fA-F]{1,6}));$/;

/** The longest entity. */
const MAX_ENTITY_LENGTH = '&#1114111;'.length;

/**
 * Decodes the HTML entities that chat windows show as text: the five of XML, the non-breaking space and numeric ones, however
 * often they were escaped, in one pass. `shown` maps an escaped character to its visible form: an invisible one may stand inside
 * another entity. Other text stays unchanged.
 */
export function decodeEntities(text: string, toVisible: (character: string) => string): string {
  if (!text.includes('&') || !text.includes(';')) return text;
  const decoded: string[] = [];
  for (const character of text) {
    decoded.push(character);
    while (decoded.at(-1) === ';') {
      const match = ENTITY.exec(decoded.slice(-MAX_ENTITY_LENGTH).join(''));
      const escaped = match && characterOf(match);
      if (typeof escaped !== 'string') break;
      decoded.length -= match![0].length;
      decoded.push(...toVisible(escaped));
    }
  }
  return decoded.join('');
}

function characterOf([, name, decimal, hex]: RegExpExecArray): string | undefined {
  if (name) return NAMED[name];
  const code = decimal ? Number(decimal) : Number.parseInt(hex!, 16);
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : undefined;
}
