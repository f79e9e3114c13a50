import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { sqlTime } from '../../services/lib/db/sql-time.ts';
import { idempotencyMigrations } from '../../services/lib/idempotency/idempotency-table.ts';
import { orderOf } from '../../services/lib/messaging/bus/lineage.ts';
import { startCorePurge } from '../../services/lib/runtime/core-purge.ts';
import { eventually } from '../support/eventually.ts';
import {
  readWholeLog,
  sequenceUpTo,
  startEmbeddedBus,
  startRelay,
  startServersBus,
  type TestEventBus,
} from '../support/messaging/test-event-bus.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';

const HOUR_MS = 3_600_000;

async function openWithKeys(open: () => Promise<TestEventBus>): Promise<TestEventBus> {
  const bus = await open();
  await migrate(bus.db, [idempotencyMigrations], bus.clock.now());
  return bus;
}

async function countOf(bus: TestEventBus, table: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`SELECT COUNT(*) AS n FROM ${sql.table(table)}`.execute(bus.db.autocommit());
  return Number(rows[0]?.n);
}

/** Sweeps once: the next sweep is far away. */
async function purgeUntil(bus: TestEventBus, check: () => Promise<void>): Promise<void> {
  await using _retention = startCorePurge({ ...bus.deps, intervalMs: HOUR_MS });
  await eventually(check);
}

describe.each([
  { backend: 'SQLite', open: startEmbeddedBus, runs: true },
  { backend: 'MariaDB and NATS', open: startServersBus, runs: sharedServersAvailable },
])('retention on $backend', ({ open, runs }) => {
  it.runIf(runs)('removes published events after 72 hours, in more than one batch, and keeps what waits', async () => {
    await using bus = await openWithKeys(open);
    const relay = startRelay(bus.deps);
    await bus.emit('ses_a', 1_100);
    await bus.emit('ses_b', 1_100);
    await eventually(async () => {
      const { rows } = await sql`SELECT 1 FROM outbox WHERE published_at IS NULL`.execute(bus.db.autocommit());
      expect(rows).toEqual([]);
    });
    await relay[Symbol.asyncDispose]();
    bus.clock.advance({ hours: 71 });
    await bus.emit('ses_c', 2);
    await purgeUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2_202));
    bus.clock.advance({ hours: 2 });
    await purgeUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2));
  });

  it.runIf(runs)('remembers how far the outbox was removed, for cursors from before that', async () => {
    await using bus = await openWithKeys(open);
    const relay = startRelay(bus.deps);
    const published = () =>
      eventually(async () => {
        const { rows } = await sql`SELECT 1 FROM outbox WHERE published_at IS NULL`.execute(bus.db.autocommit());
        expect(rows).toEqual([]);
      });
    await bus.emit('ses_a', 3);
    await published();
    bus.clock.advance({ hours: 73 });
    await bus.emit('ses_a', 2);
    await published();
    await purgeUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2));
    await bus.wipe();
    await bus.emit('ses_a', 1);
    await eventually(
      async () => expect((await bus.log.bounds()).lineage).toMatchObject({ number: 2, forgotten: orderOf(1, 3n) }),
      20_000,
    );
    await relay[Symbol.asyncDispose]();
  });

  it.runIf(runs)('removes idempotency keys after 24 hours', async () => {
    await using bus = await openWithKeys(open);
    const key = (name: string, age: number) =>
      bus.db
        .autocommit<{ idempotency_key: Record<string, unknown> }>()
        .insertInto('idempotency_key')
        .values({
          tenant: 't',
          method: 'm',
          idempotency_key: name,
          request_hash: 'h',
          answer: Buffer.from([1]),
          created_at: sqlTime(bus.clock.now() - age),
        })
        .execute();
    for (const number of sequenceUpTo(3)) await key(`old-${number}`, 25 * HOUR_MS);
    await key('young', 23 * HOUR_MS);
    await purgeUntil(bus, async () => expect(await countOf(bus, 'idempotency_key')).toBe(1));
  });

  it.runIf(runs)('keeps a session’s numbers for longer than any consumer’s progress', async () => {
    await using bus = await openWithKeys(open);
    await bus.emit('ses_a');
    await sql`INSERT INTO consumer_progress VALUES ('handover', 'default', 'ses_a', 'session', 1, ${sqlTime(bus.clock.now())})`.execute(
      bus.db.autocommit(),
    );
    bus.clock.advance({ hours: 31 * 24 });
    await purgeUntil(bus, async () => expect(await countOf(bus, 'consumer_progress')).toBe(0));
    expect(await countOf(bus, 'event_sequence')).toBe(1);
    bus.clock.advance({ hours: 30 * 24 });
    await purgeUntil(bus, async () => expect(await countOf(bus, 'event_sequence')).toBe(0));
  });
});

describe('retention of the log on SQLite', () => {
  it('removes events after 72 hours', async () => {
    await using bus = await openWithKeys(startEmbeddedBus);
    await using relay = startRelay(bus.deps);
    await bus.emit('ses_a', 3);
    await eventually(async () => expect(await readWholeLog(bus.log)).toHaveLength(3));
    await relay[Symbol.asyncDispose]();
    bus.clock.advance({ hours: 73 });
    await purgeUntil(bus, async () => expect(await bus.log.bounds()).toMatchObject({ before: 3n, last: 3n }));
  });
});
