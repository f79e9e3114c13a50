import { parseSqlTime, sqlTime } from './sql-time.ts';

type Snake<S extends string> = S extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${Snake<Tail>}`
  : S;

/** How a record is stored: columns in snake_case; times as text, flags as 0 or 1, absent values as NULL. */
export type Row<T> = {
  [K in keyof T & string as Snake<K>]-?: ColumnValue<T[K], K>;
};

type ColumnValue<V, K extends string> =
  | (K extends `${string}At` ? string : Exclude<V, undefined> extends boolean ? number : Exclude<V, undefined>)
  | (undefined extends V ? null : never);

/** The columns of (a part of) a record. Fields that end in `At` are times. */
export function columnsFor<T extends object>(record: T): Partial<Row<T>> {
  const columns: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) columns[snake(name)] = stored(name, value);
  return columns as never;
}

/** The record of a row; `flags` names the fields that are true or false. */
export function recordOf<T extends object>(row: object, flags: readonly (keyof T & string)[]): T {
  const record: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    const name = camel(column);
    record[name] = restored(name, value, flags);
  }
  return record as T;
}

function stored(name: string, value: unknown): unknown {
  if (value === undefined) return null;
  if (isTime(name)) return sqlTime(value as number);
  return typeof value === 'boolean' ? Number(value) : value;
}

function restored(name: string, value: unknown, flags: readonly string[]): unknown {
  if (value === null) return undefined;
  if (isTime(name)) return parseSqlTime(value as string);
  return flags.includes(name) ? Boolean(value) : value;
}

function isTime(name: string): boolean {
  return name.endsWith('At');
}

const snake = memoized((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
const camel = memoized((column) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));

/** Cached: few tables have columns, and every row has them. */
function memoized(rename: (name: string) => string): (name: string) => string {
  const cache = new Map<string, string>();
  return (name) => {
    const before = cache.get(name);
    if (before !== undefined) return before;
    const renamed = rename(name);
    cache.set(name, renamed);
    return renamed;
  };
}
