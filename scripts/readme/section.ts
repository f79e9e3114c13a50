import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'README.md';

/** Puts `text` between `<!-- name -->` and `<!-- /name -->` of the README. Throws when the marks are not there. */
export function writeSection(name: string, text: string): void {
  const readme = readFileSync(FILE, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = readme.indexOf(open) + open.length;
  const to = readme.indexOf(close);
  if (from < open.length || to < from) throw new Error(`${FILE} has no section ${name}`);
  writeFileSync(FILE, `${readme.slice(0, from)}\n${text.trim()}\n${readme.slice(to)}`);
}

/** A Markdown table. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
