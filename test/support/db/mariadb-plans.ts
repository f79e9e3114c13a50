import { CompiledQuery, sql } from 'kysely';
import { createConnection } from 'mysql2/promise';
import { cloneRows } from '../../../bench/seed/clone-rows.ts';
import { readTemplate } from '../../../bench/seed/templates.ts';
import type { Database } from '../../../services/lib/db/database.ts';

/** How MariaDB would read a table for a query. */
export interface TableRead {
  readonly table: string;
  readonly type: string;
  /** The index; null when it reads the whole table. */
  readonly key: string | null;
  /** By its estimate. */
  readonly rows: number;
  readonly Extra: string;
}

/** Stores copies of open sessions in the database of `url`, which must not be used meanwhile, and updates its statistics. */
export async function storeCopies(
  url: string,
  db: Database,
  sessionIds: readonly string[],
  sessions: number,
): Promise<void> {
  const connection = await createConnection({ uri: url, charset: 'utf8mb4_bin', dateStrings: true });
  try {
    const templates = [];
    for (const sessionId of sessionIds)
      templates.push({
        share: 100 / sessionIds.length,
        finished: false,
        tables: await readTemplate(connection, sessionId, { finished: false }),
      });
    await cloneRows([connection], templates, sessions);
  } finally {
    await connection.end();
  }
  const { rows: tables } = await sql<{ name: string }>`SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'`.execute(db.autocommit());
  for (const { name } of tables) await sql`ANALYZE TABLE ${sql.table(name)}`.execute(db.autocommit());
}

/** MariaDB's plan of a query. */
export async function explain(db: Database, { sql: text, parameters }: CompiledQuery): Promise<TableRead[]> {
  const plan = CompiledQuery.raw(`EXPLAIN ${text}`, [...parameters]);
  const { rows } = await db.autocommit().executeQuery<TableRead>(plan);
  return rows.map((row) => ({ ...row, rows: Number(row.rows) }));
}
