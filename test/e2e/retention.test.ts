import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrationTables } from '../../services/lib/db/migrations/migrate.ts';
import type { Retention } from '../../services/lib/db/migrations/migrations.ts';
import { probeTables } from '../../services/lib/db/probe/probe-database.ts';
import { eventLogMigrations } from '../../services/lib/messaging/bus/sql/sql-event-log.ts';
import { queueMigrations } from '../../services/lib/messaging/queue/sql-queue.ts';
import { coreMigrations } from '../../services/lib/runtime/core-migrations.ts';
import { chatSteps } from '../support/chat-steps.ts';
import { eventually } from '../support/eventually.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { modules, startTestSystem, type TestSystem } from '../support/test-system.ts';

const lib = [...coreMigrations, queueMigrations, eventLogMigrations];
const owners = [...lib, ...modules.flatMap(({ migrations }) => migrations ?? [])];
const declared = new Map<string, Retention>(
  [migrationTables, probeTables, ...owners.map(({ tables }) => tables)].flatMap((tables) => Object.entries(tables)),
);
const removed = [...declared].flatMap(([table, rule]) => ('keptForEver' in rule ? [] : [table]));

/** Tables whose rows are removed when they are handled, not because of their age. */
const EMPTY_AT_REST = ['database_probe', 'parked_event', 'task_queue', 'outgoing_messages'];

async function tablesOf({ process }: TestSystem): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`.execute(
    process.deps.db.autocommit(),
  );
  return rows.map(({ name }) => name);
}

/** The number of rows in each of the tables; tables without rows are left out. */
async function filled({ process }: TestSystem, tables: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await sql<{ n: number }>`SELECT COUNT(*) AS n FROM ${sql.table(table)}`.execute(
      process.deps.db.autocommit(),
    );
    if (rows[0]!.n > 0) counts[table] = rows[0]!.n;
  }
  return counts;
}

test('every table declares its retention', async () => {
  await using system = await startTestSystem('embedded');
  expect((await tablesOf(system)).sort()).toEqual([...declared.keys()].sort());
});

test('only tables of lib leave it to lib to remove what is old', () => {
  const others = owners.filter((owner) => !coreMigrations.includes(owner));
  const rules = others.flatMap(({ tables }) => Object.entries<Retention>(tables));
  expect(rules.filter(([, rule]) => 'hours' in rule)).toEqual([]);
});

test('rows with a retention are removed after it', async () => {
  const env = { AUTOSESSION_RETENTION_DAYS: '1', CLEANUP_INTERVAL: '1' };
  await using system = await startTestSystem('embedded', { env });
  const { sentSession, upload, claim } = flowSteps(system);
  const { sessionId, window } = await sentSession();
  await system.rest.ok(
    system.rest.post(
      `/api/sessions/${sessionId}/tasks`,
      { external_task_id: 'second', send_content: '在吗' },
      { 'idempotency-key': 'retention' },
    ),
  );
  window.shop('您好').account('我是真人，我来跟您谈');
  await upload(window);
  window.messages.at(-2)!.content = '您好！';
  await upload(window);
  expect((await claim('nobody')).task_id).toBeNull();
  expect((await chatSteps(system).chat('你好')).status).toBe(200);
  await eventually(async () => {
    const filledNow = Object.keys(await filled(system, removed));
    expect(removed.filter((table) => !filledNow.includes(table))).toEqual(EMPTY_AT_REST);
  });
  await eventually(async () => {
    system.clock.advance({ hours: 24 * 30 });
    expect(await filled(system, removed)).toEqual({});
  }, 25_000);
});
