/**
 * Recorded requests to the database, each of one or several statements. Every replay replaces all ids in them by new ones.
 */
export interface SqlScript {
  readonly requests: readonly StatementTemplate[];
}

/** Alternating text and numbers of ids: `['SELECT … = ', 0, ' AND …']`. */
export type StatementTemplate = readonly (string | number)[];

/** Ids of the system or of the load generator, and hashes: they must differ from replay to replay. */
const ID_OR_HASH = /\b(?:[a-z]{1,4}_[0-9a-z]{26}|[0-9a-f]{64})\b/g;

/** Converts requests to a script. The same id always gets the same number. */
export function toScript(requests: readonly string[]): SqlScript {
  const numbers = new Map<string, number>();
  const numberOf = (token: string) => {
    const known = numbers.get(token) ?? numbers.size;
    numbers.set(token, known);
    return known;
  };
  return { requests: requests.map((text) => toTemplate(text, numberOf)) };
}

function toTemplate(text: string, numberOf: (token: string) => number): StatementTemplate {
  const parts: (string | number)[] = [];
  let from = 0;
  for (const match of text.matchAll(ID_OR_HASH)) {
    const [prefix] = match[0].includes('_') ? match[0].split('_') : [''];
    parts.push(text.slice(from, match.index) + (prefix ? `${prefix}_` : ''), numberOf(match[0]));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}

/** A request with the ids of one replay; `salt`, of 23 characters, differs from every other replay's. */
export function fillTemplate(template: StatementTemplate, salt: string): string {
  return template.map((part) => (typeof part === 'string' ? part : replayId(salt, part))).join('');
}

function replayId(salt: string, number: number): string {
  return `${number.toString(36).padStart(3, '0')}${salt}`;
}
