import { sql } from 'kysely';
import type { Backend } from '../../services/lib/db/database.ts';
import { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrate.ts';
import { queueMigrations, sqlQueue } from '../../services/lib/queue/sql-queue.ts';
import type { QueueFixture } from './queue.ts';

/** The queue of one process over a database; disposing it closes the database. */
export async function sqlQueueFixture(backend: Backend): Promise<QueueFixture> {
  const db = new Database(backend);
  await migrate(db, [queueMigrations], Date.now());
  const queue = sqlQueue(db);
  return {
    queue,
    other: queue,
    lose: async () => void (await sql`DELETE FROM task_queue`.execute(db.of())),
    [Symbol.asyncDispose]: async () => {
      await queue[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
