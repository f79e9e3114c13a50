import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { eventLogMigrations } from '../../services/lib/bus/sql-event-log.ts';
import { migrationTables, type Retention } from '../../services/lib/db/migrate.ts';
import { probeTables } from '../../services/lib/db/probe.ts';
import { kernelMigrations } from '../../services/lib/kernel-migrations.ts';
import { queueMigrations } from '../../services/lib/queue/sql-queue.ts';
import { eventually } from '../eventually.ts';
import { steps } from '../steps.ts';
import { modules, startWorld, type World } from '../world.ts';

const lib = [...kernelMigrations, queueMigrations, eventLogMigrations];
const owners = [...lib, ...modules.flatMap(({ migrations }) => migrations ?? [])];
const declared = new Map<string, Retention>(
  [migrationTables, probeTables, ...owners.map(({ tables }) => tables)].flatMap((tables) => Object.entries(tables)),
);
const removed = [...declared].flatMap(([table, rule]) => ('keptForEver' in rule ? [] : [table]));

/** Tables whose rows are removed when they are handled, not because of their age. */
const EMPTY_AT_REST = ['database_probe', 'parked_event', 'task_queue'];

async function tablesOf({ process }: World): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`.execute(process.deps.db.of());
  return rows.map(({ name }) => name);
}

/** The number of rows in each of the tables; tables without rows are left out. */
async function filled({ process }: World, tables: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await sql<{ n: number }>`SELECT COUNT(*) AS n FROM ${sql.table(table)}`.execute(
      process.deps.db.of(),
    );
    if (rows[0]!.n > 0) counts[table] = rows[0]!.n;
  }
  return counts;
}

test('every table says beside its columns how long its rows are kept', async () => {
  await using world = await startWorld('embedded');
  expect((await tablesOf(world)).sort()).toEqual([...declared.keys()].sort());
});

test('only tables of lib leave it to lib to remove what is old', () => {
  const others = owners.filter((owner) => !kernelMigrations.includes(owner));
  const rules = others.flatMap(({ tables }) => Object.entries<Retention>(tables));
  expect(rules.filter(([, rule]) => 'hours' in rule)).toEqual([]);
});

test('what is not kept for ever is gone when nothing has happened for long enough', async () => {
  const env = { AUTOSESSION_RETENTION_DAYS: '1', CLEANUP_INTERVAL: '1' };
  await using world = await startWorld('embedded', { env });
  const { sentSession, upload, claim } = steps(world);
  const { sessionId, window } = await sentSession();
  await world.rest.ok(
    world.rest.post(
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
  await eventually(async () => {
    const filledNow = Object.keys(await filled(world, removed));
    expect(removed.filter((table) => !filledNow.includes(table))).toEqual(EMPTY_AT_REST);
  });
  await eventually(async () => {
    world.clock.advance({ hours: 24 * 30 });
    expect(await filled(world, removed)).toEqual({});
  }, 25_000);
});
