import { type ExpressionBuilder, type InsertQueryBuilder, sql } from 'kysely';
import type { Dialect } from './sql-backend.ts';

/** Which row of a table is written, and of which columns. */
export interface Upsert {
  /** The columns of the primary key. */
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

/**
 * Lets an insert update existing rows. For rows that the transaction has locked: one statement can write many of them, while
 * updates need one each.
 */
export function onDuplicateUpdate<DB, TB extends keyof DB, O>(
  insert: InsertQueryBuilder<DB, TB, O>,
  dialect: Dialect,
  { key, columns }: Upsert,
): InsertQueryBuilder<DB, TB, O> {
  const changed = columns.filter((column) => !key.includes(column));
  const values = (valueFor: (column: string) => unknown) =>
    Object.fromEntries(changed.map((column) => [column, valueFor(column)])) as never;
  if (dialect === 'mysql')
    return insert.onDuplicateKeyUpdate(values((column) => sql`values(${sql.ref(column)})`)) as typeof insert;
  return insert.onConflict((conflict) =>
    conflict
      .columns(key as never)
      .doUpdateSet((eb: ExpressionBuilder<never, never>) => values((column) => eb.ref(`excluded.${column}` as never))),
  ) as typeof insert;
}
