import type { Connection } from '../connection.ts';
import type { Executor, SqlBackend } from '../sql-backend.ts';
import { sqlTime } from '../sql-time.ts';
import { ConnectionExecutor, kyselyOver } from '../statement-executor.ts';

interface ProbeTables {
  database_probe: { run: string; id: string; name: string; open: number; at: string };
}

/** The `run` value of the rows that only this probe writes; the table is created at every start. */
const HEALTH_RUN = 'health';
/** Larger than a page of every supported database. */
const FILL_ROW_COUNT = 200;
const FILLER = 'x'.repeat(180);

/**
 * Writes a row and commits it; `thorough` also writes and removes rows that need new pages. Releases the connection. Throws the
 * driver's error.
 */
export async function probeWrite({ dialect }: SqlBackend, connection: Connection, fillsPages: boolean): Promise<void> {
  const statements = new ConnectionExecutor(dialect, connection);
  const db: Executor<ProbeTables> = kyselyOver(statements);
  const row = (id: string, name: string) => ({ run: HEALTH_RUN, id, name, open: 0, at: sqlTime(Date.now()) });
  try {
    await db.replaceInto('database_probe').values(row('write', 'write')).execute();
    if (!fillsPages) return;
    await connection.begin();
    const rows = Array.from({ length: FILL_ROW_COUNT }, (_, n) => row(`room-${n}`, `${FILLER}${n}`));
    await db.replaceInto('database_probe').values(rows).execute();
    await connection.commit();
    await db.deleteFrom('database_probe').where('run', '=', HEALTH_RUN).where('id', 'like', 'room-%').execute();
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    statements.close();
    connection.release();
  }
}
