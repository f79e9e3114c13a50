import { eastAsianWidth } from 'get-east-asian-width';

const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The width of a text in terminal columns: 店 takes two, é one, composed or not. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of segments.segment(text)) width += eastAsianWidth(segment.codePointAt(0) ?? 0x20);
  return width;
}

/** The text, cut to `columns` and ending with … if it is wider. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  for (const { segment } of segments.segment(text)) {
    if (widthOf(kept + segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The text as one line: line breaks, tabs and control characters would break the table or the terminal. */
export function toSingleLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** A table with aligned columns; `none` if there are no rows. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[], emptyText: string): string {
  if (rows.length === 0) return emptyText;
  const lines = [titles, ...rows.map((row) => row.map(toSingleLine))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
  const padded = (line: readonly string[]) =>
    line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)));
  return lines.map((line) => padded(line).join('  ').trimEnd()).join('\n');
}

/** One line per field, the values aligned; absent and empty fields are omitted. */
export function formatRecord(fields: Readonly<Record<string, unknown>>): string {
  const present = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...present.map(([name]) => widthOf(name)));
  return present.map(([name, value]) => `${name.padEnd(width)}  ${formatValue(value)}`).join('\n');
}

/** A value on one line. */
export function formatValue(value: unknown): string {
  return toSingleLine(typeof value === 'string' ? value : JSON.stringify(value));
}
