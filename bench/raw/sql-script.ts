/** Statements as they were seen, with every id in them to be replaced by a new one at each replay. */
export interface SqlScript {
  readonly statements: readonly Template[];
}

/** Text and numbers of ids in turn: `['SELECT … = ', 0, ' AND …']`. */
export type Template = readonly (string | number)[];

/** Ids of the system or of the driver, and hashes: what has to differ from replay to replay. */
const TOKEN = /\b(?:[a-z]{1,4}_[0-9a-z]{26}|[0-9a-f]{64})\b/g;

/** Makes a script of statements. The same id gets the same number throughout. */
export function scriptOf(statements: readonly string[]): SqlScript {
  const numbers = new Map<string, number>();
  const numberOf = (token: string) => {
    const known = numbers.get(token) ?? numbers.size;
    numbers.set(token, known);
    return known;
  };
  return { statements: statements.map((text) => templateOf(text, numberOf)) };
}

function templateOf(text: string, numberOf: (token: string) => number): Template {
  const parts: (string | number)[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [prefix] = match[0].includes('_') ? match[0].split('_') : [''];
    parts.push(text.slice(from, match.index) + (prefix ? `${prefix}_` : ''), numberOf(match[0]));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}

/** A statement with the ids of one replay; `salt`, of 23 characters, differs from every other replay's. */
export function render(template: Template, salt: string): string {
  return template.map((part) => (typeof part === 'string' ? part : idOf(salt, part))).join('');
}

function idOf(salt: string, number: number): string {
  return `${number.toString(36).padStart(3, '0')}${salt}`;
}
