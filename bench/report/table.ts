/** A cell; numbers are rounded to significant digits. */
export type Cell = string | number | undefined;

/** A Markdown table; numbers are right-aligned. */
export function table(headers: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const right = headers.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(headers),
    line(right.map((isNumber) => (isNumber ? '---:' : '---'))),
    ...rows.map((row) => line(row.map(formatCell))),
  ].join('\n');
}

/** Three significant digits; no decimals from 100 on. */
export function formatCell(cell: Cell): string {
  if (cell === undefined) return '–';
  if (typeof cell === 'string') return cell;
  if (!Number.isFinite(cell)) return '–';
  if (Number.isInteger(cell)) return String(cell);
  const digits = Math.abs(cell) >= 100 ? 0 : Math.abs(cell) >= 10 ? 1 : 2;
  return cell.toFixed(digits);
}

/** `0.52 ×`. */
export function formatRatio(ratio: number | undefined): string | undefined {
  return ratio === undefined || !Number.isFinite(ratio) ? undefined : `${ratio.toFixed(2)} ×`;
}
