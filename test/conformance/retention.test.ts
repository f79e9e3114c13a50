import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { orderOf } from '../../services/lib/bus/lineage.ts';
import { migrate } from '../../services/lib/db/migrate.ts';
import { sqlTime } from '../../services/lib/db/time.ts';
import { idempotencyMigrations } from '../../services/lib/idempotency.ts';
import { startRetention } from '../../services/lib/retention.ts';
import { eventually } from '../eventually.ts';
import { stackAvailable } from '../stack.ts';
import { type Bus, embeddedBus, everything, serversBus, startRelay, upTo } from './event-bus.ts';

const HOUR = 3_600_000;

async function openWithKeys(open: () => Promise<Bus>): Promise<Bus> {
  const bus = await open();
  await migrate(bus.db, [idempotencyMigrations], bus.clock.now());
  return bus;
}

async function countOf(bus: Bus, table: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`SELECT COUNT(*) AS n FROM ${sql.table(table)}`.execute(bus.db.of());
  return Number(rows[0]?.n);
}

/** Sweeps once: the next sweep is far away. */
async function sweepUntil(bus: Bus, check: () => Promise<void>): Promise<void> {
  await using _retention = startRetention({ ...bus.deps, everyMs: HOUR });
  await eventually(check);
}

describe.each([
  { backend: 'SQLite', open: embeddedBus, runs: true },
  { backend: 'MariaDB and NATS', open: serversBus, runs: stackAvailable },
])('retention on $backend', ({ open, runs }) => {
  it.runIf(runs)('removes published events after 72 hours, in more than one batch, and keeps what waits', async () => {
    await using bus = await openWithKeys(open);
    const relay = startRelay(bus.deps);
    await bus.emit('ses_a', 1_100);
    await bus.emit('ses_b', 1_100);
    await eventually(async () => {
      const { rows } = await sql`SELECT 1 FROM outbox WHERE published_at IS NULL`.execute(bus.db.of());
      expect(rows).toEqual([]);
    });
    await relay[Symbol.asyncDispose]();
    bus.clock.advance({ hours: 71 });
    await bus.emit('ses_c', 2);
    await sweepUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2_202));
    bus.clock.advance({ hours: 2 });
    await sweepUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2));
  });

  it.runIf(runs)('remembers how far the outbox was removed, for cursors from before that', async () => {
    await using bus = await openWithKeys(open);
    const relay = startRelay(bus.deps);
    const published = () =>
      eventually(async () => {
        const { rows } = await sql`SELECT 1 FROM outbox WHERE published_at IS NULL`.execute(bus.db.of());
        expect(rows).toEqual([]);
      });
    await bus.emit('ses_a', 3);
    await published();
    bus.clock.advance({ hours: 73 });
    await bus.emit('ses_a', 2);
    await published();
    await sweepUntil(bus, async () => expect(await countOf(bus, 'outbox')).toBe(2));
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
        .of<{ idempotency_key: Record<string, unknown> }>()
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
    for (const number of upTo(3)) await key(`old-${number}`, 25 * HOUR);
    await key('young', 23 * HOUR);
    await sweepUntil(bus, async () => expect(await countOf(bus, 'idempotency_key')).toBe(1));
  });

  it.runIf(runs)('keeps a session’s numbers for longer than anybody remembers them', async () => {
    await using bus = await openWithKeys(open);
    await bus.emit('ses_a');
    await sql`INSERT INTO consumer_progress VALUES ('handover', 'default', 'ses_a', 'session', 1, ${sqlTime(bus.clock.now())})`.execute(
      bus.db.of(),
    );
    bus.clock.advance({ hours: 31 * 24 });
    await sweepUntil(bus, async () => expect(await countOf(bus, 'consumer_progress')).toBe(0));
    expect(await countOf(bus, 'event_sequence')).toBe(1);
    bus.clock.advance({ hours: 30 * 24 });
    await sweepUntil(bus, async () => expect(await countOf(bus, 'event_sequence')).toBe(0));
  });
});

describe('retention of the log on SQLite', () => {
  it('removes events after 72 hours', async () => {
    await using bus = await openWithKeys(embeddedBus);
    await using relay = startRelay(bus.deps);
    await bus.emit('ses_a', 3);
    await eventually(async () => expect(await everything(bus.log)).toHaveLength(3));
    await relay[Symbol.asyncDispose]();
    bus.clock.advance({ hours: 73 });
    await sweepUntil(bus, async () => expect(await bus.log.bounds()).toMatchObject({ before: 3n, last: 3n }));
  });
});
