import { sql } from 'kysely';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import type { SqlBackend } from '../../../services/lib/db/sql-backend.ts';
import { queueMigrations, sqlQueue } from '../../../services/lib/messaging/queue/sql-queue.ts';
import type { QueueFixture } from '../../conformance/queue-conformance.ts';

/** The queue of one process over a database; disposing it closes the database. */
export async function sqlQueueFixture(backend: SqlBackend): Promise<QueueFixture> {
  const db = new Database(backend);
  await migrate(db, [queueMigrations], Date.now());
  const queue = sqlQueue(db);
  return {
    queue,
    other: queue,
    clear: async () => void (await sql`DELETE FROM task_queue`.execute(db.autocommit())),
    [Symbol.asyncDispose]: async () => {
      await queue[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
