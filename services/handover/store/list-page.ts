import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { Database } from '../../lib/db/database.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';

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

/** Which rows a list has, and the index that has them in the order of their age; an empty value means any. */
export interface ListFilter {
  readonly column: string;
  readonly value: string;
  readonly index: string;
}

/**
 * The tenant's rows that pass the filters. It reads them by the index of the first filter that has a value, so the narrowest
 * filter comes first. The index is named, because the databases may choose a longer way: SQLite has no statistics, and MariaDB
 * assumes that the rows of an agent are spread evenly over the time.
 */
export function filterByIndex<Row>(db: Database, table: string, filters: readonly ListFilter[], indexOfAge: string) {
  const given = filters.filter(({ value }) => value !== '');
  const index = sql.ref(given[0]?.index ?? indexOfAge);
  const hint = db.dialect === 'mysql' ? sql`FORCE INDEX (${index})` : sql`INDEXED BY ${index}`;
  const rows = db
    .autocommit<object>()
    .selectFrom(sql<Row>`${sql.table(table)}`.as<'listed'>(sql`listed ${hint}`))
    .selectAll()
    .where(sql<SqlBool>`tenant = ${currentTenant()}`);
  return given.reduce((query, { column, value }) => query.where(sql<SqlBool>`${sql.ref(column)} = ${value}`), rows);
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
  // the first condition is implied; SQLite finds the place in the index by it
  const from = after
    ? query.where(
        sql<SqlBool>`created_at ${comparison}= ${after.at} and (created_at ${comparison} ${after.at} or ${id} ${comparison} ${after.id})`,
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
