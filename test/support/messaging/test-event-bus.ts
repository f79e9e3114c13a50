import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { EventSchema, Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { Database } from '../../../services/lib/db/database.ts';
import { barrierMigrations } from '../../../services/lib/db/durability/durability-barrier.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import type { NamedLock, SqlBackend } from '../../../services/lib/db/sql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { busMigrations } from '../../../services/lib/messaging/bus/consumer/consumer.ts';
import type { EventLog, LoggedEvent, LogRecord } from '../../../services/lib/messaging/bus/event-log.ts';
import { natsEventLog } from '../../../services/lib/messaging/bus/nats/nats-event-log.ts';
import { eventLogMigrations, sqlEventLog } from '../../../services/lib/messaging/bus/sql/sql-event-log.ts';
import { Outbox } from '../../../services/lib/messaging/outbox/outbox.ts';
import { outboxMigrations } from '../../../services/lib/messaging/outbox/outbox-tables.ts';
import { createRelay, type Relay } from '../../../services/lib/messaging/outbox/relay.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import { startNats } from '../servers/servers.ts';
import { createDatabase } from '../servers/shared-servers.ts';
import { TestClock } from '../test-clock.ts';

/** A database with an outbox, and an event log. */
export interface TestEventBus extends AsyncDisposable {
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: TestClock;
  readonly outbox: Outbox;
  /** The dependencies of relays and consumers. */
  readonly deps: ReturnType<typeof depsOf>;
  /** The same, but every lock can be taken, as when two leaders overlap. */
  readonly alwaysLeaderDeps: ReturnType<typeof depsOf>;
  /** Deletes the log with all its records. */
  wipe(): Promise<void>;
  /** Emits the next events of a session in one commit. */
  emit(sessionId: string, count?: number, tenant?: string): Promise<void>;
}

export type OpenTestEventBus = () => Promise<TestEventBus>;

class AlwaysLeaderDatabase extends Database {
  override async tryLock(): Promise<NamedLock> {
    return { isHeld: async () => true, [Symbol.asyncDispose]: async () => {} };
  }
}

export const logger = createLogger(process.env.TEST_LOG_LEVEL ?? 'silent');

function depsOf(db: Database, log: EventLog, outbox: Outbox, clock: TestClock) {
  return { db, log, outbox, clock, logger, metrics: createMetrics(false) };
}

/** SQLite, with the log in the same database. */
export async function startEmbeddedBus(): Promise<TestEventBus> {
  const backend = sqliteBackend(':memory:');
  const db = new Database(backend);
  const clock = new TestClock();
  const wipe = () =>
    db.transaction('test.wipe', async (tx) => {
      for (const table of ['event_log_head', 'event_log']) await sql`DELETE FROM ${sql.table(table)}`.execute(tx);
    });
  return createBus({ backend, log: sqlEventLog(db, clock), clock, wipe, close: () => db.close() });
}

/** MariaDB and NATS. */
export async function startServersBus(): Promise<TestEventBus> {
  await using stack = new AsyncDisposableStack();
  const backend = mysqlBackend(await createDatabase());
  stack.defer(() => backend.close());
  const server = stack.use(await startNats());
  const log = stack.use(await natsEventLog({ url: server.url, logger }));
  const owned = stack.move();
  const close = () => owned.disposeAsync();
  return createBus({ backend, log, clock: new TestClock(), wipe: () => server.wipe(), close });
}

interface BusParts {
  backend: SqlBackend;
  log: EventLog;
  clock: TestClock;
  wipe(): Promise<void>;
  close(): Promise<void>;
}

async function createBus({ backend, log, clock, wipe, close }: BusParts): Promise<TestEventBus> {
  const db = new Database(backend);
  await migrate(db, [barrierMigrations, outboxMigrations, busMigrations, eventLogMigrations], clock.now());
  const outbox = new Outbox(clock, createUlidGenerator(clock));
  const emit = async (sessionId: string, count = 1, tenant = 'default') => {
    await db.transaction('test.emit', async (tx) => {
      const first = await outbox.takeSequence(tx, tenant, Source.SESSION, sessionId, count);
      const events = Array.from({ length: count }, (_, index) => ({
        source: Source.SESSION,
        sessionId,
        sourceSeq: first + index,
        payload: { case: 'sessionChanged' as const, value: { command: 'touch' } },
      }));
      await outbox.emit(tx, tenant, events);
    });
  };
  return {
    db,
    log,
    clock,
    outbox,
    emit,
    wipe,
    deps: depsOf(db, log, outbox, clock),
    alwaysLeaderDeps: depsOf(new AlwaysLeaderDatabase(backend), log, outbox, clock),
    [Symbol.asyncDispose]: close,
  };
}

/** Starts a relay. */
export function startRelay(deps: TestEventBus['deps']): Relay {
  const relay = createRelay(deps);
  relay.start();
  return relay;
}

/** All records of the log. */
export async function readWholeLog(log: EventLog): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let after = (await log.bounds()).before; ; ) {
    const page = await log.read(after, 500);
    events.push(...page);
    const last = page.at(-1);
    if (!last) return events;
    after = last.position;
  }
}

/** The log as a consumer that drops repeats sees it: the numbers per session, in order. */
export async function readDeduplicated(log: EventLog): Promise<Map<string, number[]>> {
  const sessions = new Map<string, number[]>();
  for (const { sessionId, sourceSeq } of await readWholeLog(log)) {
    const numbers = sessions.get(sessionId) ?? [];
    sessions.set(sessionId, numbers);
    if (sourceSeq > (numbers.at(-1) ?? 0)) numbers.push(sourceSeq);
  }
  return sessions;
}

/** 1, 2, 3, … `last`. */
export function sequenceUpTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

let count = 0;

/** A record for the log, each with its own session by default. */
export function logRecord(overrides: Partial<LogRecord> = {}): LogRecord {
  count += 1;
  return {
    eventId: `evt_${process.pid}_${count}`,
    tenant: 'default',
    source: 'session',
    sessionId: `ses_${count}`,
    sourceSeq: 1,
    type: 'session_changed',
    payload: Buffer.from([1, 2, 3]),
    ...overrides,
  };
}

/** The first `last` records of a session. */
export function sessionRecords(sessionId: string, last: number): LogRecord[] {
  return sequenceUpTo(last).map((sourceSeq) => logRecord({ sessionId, sourceSeq }));
}

/** The number of an event in its payload. */
export function sourceSeqOf(payload: Uint8Array): number {
  return fromBinary(EventSchema, payload).sourceSeq;
}
