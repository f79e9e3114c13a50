import { readFileSync, writeFileSync } from 'node:fs';

/** Replaces the text between `<!-- name -->` and `<!-- /name -->` of a page. Throws if the markers are missing. */
export function writeMarkerBlock(file: string, name: string, text: string): void {
  const page = readFileSync(file, 'utf8');
  const { from, to } = locateBlock(file, page, name);
  writeFileSync(file, `${page.slice(0, from)}\n${text.trim()}\n${page.slice(to)}`);
}

/** The text between the markers of a block. Throws if they are missing. */
export function readMarkerBlock(file: string, name: string): string {
  const page = readFileSync(file, 'utf8');
  const { from, to } = locateBlock(file, page, name);
  return page.slice(from, to).trim();
}

function locateBlock(file: string, page: string, name: string): { from: number; to: number } {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(open) + open.length;
  const to = page.indexOf(close);
  if (from < open.length || to < from) throw new Error(`${file} has no block ${name}`);
  return { from, to };
}

/** A Markdown table. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
