import type { SelectQueryBuilder } from 'kysely';
import type { Dialect } from './database.ts';

/**
 * Locks the rows that `query` finds until the transaction ends, and reads their newest version. SQLite needs nothing: its
 * transactions are immediate, one writes at a time.
 */
export function lockRow<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  dialect: Dialect,
): SelectQueryBuilder<DB, TB, O> {
  return dialect === 'mysql' ? query.forUpdate() : query;
}
