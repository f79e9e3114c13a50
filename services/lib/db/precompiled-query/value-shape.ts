import { Placeholder } from './placeholder.ts';

/** Longer lists have too many lengths to compile a statement for each. */
export const MAX_LIST_LENGTH = 16;

/** Whether a value is a row: an object of columns. */
export function isRow(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !(value instanceof Placeholder);
}

/**
 * What can change the statement: which values are present (undefined is not), how long the lists are, and which columns a row
 * has. Throws when the rows of one list have different columns.
 */
export function shapeOf(values: object): string {
  let shape = '';
  for (const name in values) {
    const value = (values as Record<string, unknown>)[name];
    if (value === undefined) continue;
    shape += name;
    if (Array.isArray(value)) shape += `:${value.length}${isRow(value[0]) ? columnSignature(value) : ''}`;
    else if (isRow(value)) for (const column in value) shape += `,${column}`;
    shape += ';';
  }
  return shape;
}

/** The columns of rows. Throws when they differ. */
export function columnSignature(rows: readonly object[]): string {
  const columns = Object.keys(rows[0]!);
  for (const row of rows)
    if (Object.keys(row).length !== columns.length || columns.some((column) => !(column in row)))
      throw new Error('rows of one statement have different columns');
  return ` ${columns}`;
}

/** The same structure with a placeholder for every value. */
export function placeholdersFor<V extends object>(values: V): V {
  const placeholders = Object.entries(values).map(([name, value]) => {
    const get = (values: object) => (values as Record<string, unknown>)[name];
    if (!Array.isArray(value)) return [name, elementPlaceholder(value, get)];
    const element = (index: number) => (values: object) => (get(values) as unknown[])[index];
    return [name, value.map((each, index) => elementPlaceholder(each, element(index)))];
  });
  return Object.fromEntries(placeholders);
}

function elementPlaceholder(element: unknown, get: (values: object) => unknown): unknown {
  if (element === undefined) return undefined;
  if (!isRow(element)) return new Placeholder(get);
  const columns = Object.keys(element).map((name) => [
    name,
    new Placeholder((values) => (get(values) as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(columns);
}

/**
 * Pads long lists of single values to a shared length by repeating the last value, which does not change what is `in` the list.
 */
export function padLists<V extends object>(values: V): V {
  let result: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(values)) {
    if (!Array.isArray(value) || value.length <= MAX_LIST_LENGTH || isRow(value[0])) continue;
    const length = 2 ** Math.ceil(Math.log2(value.length));
    result ??= { ...values } as Record<string, unknown>;
    result[name] = [...value, ...Array(length - value.length).fill(value.at(-1))];
  }
  return (result ?? values) as V;
}
