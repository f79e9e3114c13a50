import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';

/** The last row of a page: its created_at as stored, and its id. */
export interface Cursor {
  readonly at: string;
  readonly id: string;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: T[];
  /** Where the next page begins; undefined on the last. */
  readonly next?: Cursor;
}

/** Orders by age and begins behind `after`; asks for one row more than `limit`, by which `cut` sees whether there is more. */
export function pageOf<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  order: { id: string; direction: 'asc' | 'desc' },
  limit: number,
  after: Cursor | undefined,
): SelectQueryBuilder<DB, TB, O> {
  const id = sql.ref(order.id);
  const behind = sql.raw(order.direction === 'asc' ? '>' : '<');
  const direction = sql.raw(order.direction);
  const from = after
    ? query.where(
        sql<SqlBool>`(created_at ${behind} ${after.at} or (created_at = ${after.at} and ${id} ${behind} ${after.id}))`,
      )
    : query;
  return from
    .orderBy(sql`created_at ${direction}`)
    .orderBy(sql`${id} ${direction}`)
    .limit(limit + 1);
}

/** The page that the rows of a `pageOf` query make. */
export function cut<R extends { created_at: string }, T>(
  rows: readonly R[],
  limit: number,
  idOf: (row: R) => string,
  read: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last ? { at: last.created_at, id: idOf(last) } : undefined;
  return { items: shown.map(read), next };
}
