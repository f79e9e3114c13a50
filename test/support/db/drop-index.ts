import { sql } from 'kysely';
import type { Database } from '../../../services/lib/db/database.ts';

/** Drops an index, in the words of the database. */
export async function dropIndex(db: Database, table: string, index: string): Promise<void> {
  const on = db.dialect === 'mysql' ? sql`ON ${sql.table(table)}` : sql``;
  await sql`DROP INDEX ${sql.ref(index)} ${on}`.execute(db.autocommit());
}
