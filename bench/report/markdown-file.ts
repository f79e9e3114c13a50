import { readFileSync, writeFileSync } from 'node:fs';

const BEGIN = '<!-- figures -->';
const END = '<!-- /figures -->';

/** Replaces the text between the markers of a Markdown file; throws if they are missing. */
export function writeBetweenMarkers(file: string, text: string): void {
  const old = readFileSync(file, 'utf8');
  const [from, to] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${BEGIN} … ${END}`);
  writeFileSync(file, `${old.slice(0, from + BEGIN.length)}\n${text}\n${old.slice(to)}`);
}
