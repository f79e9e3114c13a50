import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';

/** The last row of a page: its created_at as stored, and its id. */
export interface ListCursor {
  readonly at: string;
  readonly id: string;
}

export interface ListPage<T> {
  readonly items: T[];
  /** Where the next page begins; undefined on the last. */
  readonly next?: ListCursor;
}

/** Orders by age, starts after `after`, and reads one row more than `limit`: it tells toListPage whether there is more. */
export function paginate<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  order: { id: string; direction: 'asc' | 'desc' },
  limit: number,
  after: ListCursor | undefined,
): SelectQueryBuilder<DB, TB, O> {
  const id = sql.ref(order.id);
  const comparison = sql.raw(order.direction === 'asc' ? '>' : '<');
  const direction = sql.raw(order.direction);
  const from = after
    ? query.where(
        sql<SqlBool>`(created_at ${comparison} ${after.at} or (created_at = ${after.at} and ${id} ${comparison} ${after.id}))`,
      )
    : query;
  return from
    .orderBy(sql`created_at ${direction}`)
    .orderBy(sql`${id} ${direction}`)
    .limit(limit + 1);
}

/** The page of the rows of a paginated query. */
export function toListPage<R extends { created_at: string }, T>(
  rows: readonly R[],
  limit: number,
  idOf: (row: R) => string,
  toItem: (row: R) => T,
): ListPage<T> {
  const visible = rows.slice(0, limit);
  const last = visible.at(-1);
  const next = rows.length > limit && last ? { at: last.created_at, id: idOf(last) } : undefined;
  return { items: visible.map(toItem), next };
}
