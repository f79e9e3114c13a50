import type { Database } from '../../db/database.ts';
import type { Migrations } from '../../db/migrations/migrations.ts';
import { precompiledQuery } from '../../db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../db/sql-backend.ts';
import { sqlTime } from '../../db/sql-time.ts';
import { PushSubscribers } from './push-subscribers.ts';
import type { QueueFilter, QueueItem, TaskQueue } from './task-queue.ts';

interface QueueTables {
  task_queue: {
    tenant: string;
    task_id: string;
    task_rank: number;
    ready_at: string;
    created_at: string;
    platform: string;
    account_id: string;
  };
}

export const queueMigrations: Migrations = {
  owner: 'queue',
  tables: {
    task_queue: { removed: 'when the task is taken or no longer waits' },
  },
  steps: [
    {
      name: '001_task_queue',
      statements: (c) => [
        `CREATE TABLE task_queue (
          tenant ${c.id} NOT NULL,
          task_id ${c.id} NOT NULL,
          task_rank ${c.int} NOT NULL,
          ready_at ${c.time} NOT NULL,
          created_at ${c.time} NOT NULL,
          platform ${c.key(128)} NOT NULL,
          account_id ${c.key(256)} NOT NULL,
          PRIMARY KEY (tenant, task_id)
        ) ${c.tableOptions}`,
        'CREATE INDEX task_queue_order ON task_queue (tenant, task_rank, created_at, task_id)',
        'CREATE INDEX task_queue_account ON task_queue (tenant, account_id, task_rank, created_at, task_id)',
        'CREATE INDEX task_queue_platform ON task_queue (tenant, platform, task_rank, created_at, task_id)',
      ],
    },
  ],
};

/** How many more items than requested are read: other processes may take as many of them. */
const SPARE_ID_COUNT = 32;
const MAX_ROWS_PER_INSERT = 200;

/**
 * The queue as a table of the database, for one process: pushes wake only subscribers of the same process. The order
 * of a task's id is the order of its bytes.
 */
export function sqlQueue(db: Database): TaskQueue {
  const subscribers = new PushSubscribers();
  const rows = () => db.autocommit<QueueTables>();
  return {
    name: 'SQL',
    push: async (items) => {
      if (items.length === 0) return;
      await db.transaction('queue-push', (tx: Executor<QueueTables>) => replaceItems(tx, items), {
        group: 'queue-push',
      });
      for (const tenant of new Set(items.map((item) => item.tenant))) subscribers.notify(tenant);
    },
    take: (tenant, filter, now, count) => takeReady(db, tenant, filter, now, count),
    remove: async (tenant, taskIds) => {
      if (taskIds.length === 0) return;
      await rows()
        .deleteFrom('task_queue')
        .where('tenant', '=', tenant)
        .where('task_id', 'in', [...taskIds])
        .execute();
    },
    waitForPush: (tenant, ms, signal) => subscribers.wait(tenant, ms, signal),
    size: async (tenant) => {
      const count = rows()
        .selectFrom('task_queue')
        .select((eb) => eb.fn.countAll().as('held'));
      return Number((await count.where('tenant', '=', tenant).executeTakeFirstOrThrow()).held);
    },
    fault: () =>
      rows()
        .selectFrom('task_queue')
        .select('task_id')
        .limit(1)
        .execute()
        .then(
          () => undefined,
          () => 'away',
        ),
    [Symbol.asyncDispose]: async () => subscribers.notifyAll(),
  };
}

/** Both dialects have REPLACE, which deletes the row with the same primary key first. */
async function replaceItems(tx: Executor<QueueTables>, items: readonly QueueItem[]): Promise<void> {
  const byId = new Map(items.map((item) => [`${item.tenant} ${item.taskId}`, item]));
  // two pushes of the same items lock them in the same order
  const values = [...byId.keys()].sort().map((key) => rowOf(byId.get(key)!));
  for (let at = 0; at < values.length; at += MAX_ROWS_PER_INSERT)
    await replaceRows.enqueue(tx, { rows: values.slice(at, at + MAX_ROWS_PER_INSERT) });
}

const replaceRows = precompiledQuery(
  (db: Executor<QueueTables>, { rows }: { rows: readonly QueueTables['task_queue'][] }) =>
    db.replaceInto('task_queue').values(rows),
);

function rowOf(item: QueueItem): QueueTables['task_queue'] {
  return {
    tenant: item.tenant,
    task_id: item.taskId,
    task_rank: item.rank,
    ready_at: sqlTime(item.readyAt),
    created_at: sqlTime(item.createdAt),
    platform: item.platform,
    account_id: item.accountId,
  };
}

/** If others took all items that were read, reads again; ends only when no item is ready. */
async function takeReady(db: Database, tenant: string, filter: QueueFilter, now: number, count: number) {
  for (;;) {
    const candidates =
      count < 1 ? [] : await readyIds(db.autocommit<QueueTables>(), tenant, filter, now, count + SPARE_ID_COUNT);
    if (candidates.length === 0) return [];
    const take = (tx: Executor<QueueTables>) => deleteReady(tx, tenant, candidates, now, count);
    const taken = await db.transaction('queue-take', take, { group: 'queue-take' });
    if (taken.length > 0) return taken;
  }
}

async function readyIds(rows: Executor<QueueTables>, tenant: string, filter: QueueFilter, now: number, limit: number) {
  const { platform, accountId } = filter;
  const found = await rows
    .selectFrom('task_queue')
    .select('task_id')
    .where('tenant', '=', tenant)
    .where('ready_at', '<=', sqlTime(now))
    .$if(platform !== undefined, (query) => query.where('platform', '=', platform!))
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId!))
    .orderBy('task_rank')
    .orderBy('created_at')
    .orderBy('task_id')
    .limit(limit)
    .execute();
  return found.map((row) => row.task_id);
}

/**
 * Deletes one row at a time: the process that deletes a row has taken it. All use the same order, so they may wait for each
 * other's commit but cannot deadlock; SKIP LOCKED would hide rows that were only locked by a sort.
 */
async function deleteReady(
  tx: Executor<QueueTables>,
  tenant: string,
  ids: readonly string[],
  now: number,
  count: number,
): Promise<string[]> {
  const taken: string[] = [];
  for (const id of ids) {
    if (taken.length === count) break;
    const { numAffectedRows } = await deleteRow(tx, { tenant, id, now: sqlTime(now) });
    if (numAffectedRows === 1n) taken.push(id);
  }
  return taken;
}

/** One that was replaced in the meantime by one that is not ready yet stays. */
const deleteRow = precompiledQuery(
  (db: Executor<QueueTables>, { tenant, id, now }: { tenant: string; id: string; now: string }) =>
    db.deleteFrom('task_queue').where('tenant', '=', tenant).where('task_id', '=', id).where('ready_at', '<=', now),
  { compareAndSet: true },
);
