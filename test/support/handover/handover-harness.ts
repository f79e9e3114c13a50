import { fromBinary } from '@bufbuild/protobuf';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import type { Selectable } from 'kysely';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { ReminderChannel } from '../../../services/handover/channels/channel.ts';
import { createDeliveryWorker } from '../../../services/handover/delivery/create-delivery-worker.ts';
import type { DeliveryWorker } from '../../../services/handover/delivery/delivery-worker.ts';
import type { HandoverDeps } from '../../../services/handover/deps.ts';
import { deriveAuditKeys } from '../../../services/handover/domain/audit-chain.ts';
import { handoverEventHandlers } from '../../../services/handover/events/event-handlers.ts';
import { addHandoverMetrics } from '../../../services/handover/metrics.ts';
import { handoverRoutes } from '../../../services/handover/routes.ts';
import { handoverMigrations } from '../../../services/handover/store/migrations.ts';
import type { HandoverTables } from '../../../services/handover/store/tables.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { Outbox } from '../../../services/lib/messaging/outbox/outbox.ts';
import { type OutboxTables, outboxMigrations } from '../../../services/lib/messaging/outbox/outbox-tables.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import { runInBackgroundContext, systemContext } from '../../../services/lib/runtime/request-context.ts';
import { createDatabase, sharedServersAvailable } from '../servers/shared-servers.ts';

export const databases: readonly ('SQLite' | 'MariaDB')[] = sharedServersAvailable ? ['SQLite', 'MariaDB'] : ['SQLite'];

/** A time at the start of a minute. */
export const START = Date.UTC(2026, 0, 5, 8, 0, 0);

/** A clock that only the test advances. */
export class ManualClock {
  #now = START;
  #elapsedMs = 0;
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#elapsedMs;
  }
  advance(ms: number): void {
    this.#now += ms;
    this.#elapsedMs += ms;
  }
  /** Sets the wall clock; the monotonic clock does not change. */
  set(ms: number): void {
    this.#now += ms;
  }
}

/** The service with its own database, without loops: the test triggers deliveries. */
export async function startHandoverHarness(
  database: (typeof databases)[number] = 'SQLite',
  channels: (deps: { clock: ManualClock }) => readonly ReminderChannel[] = () => [noopChannel],
  env: Record<string, string> = {},
) {
  const clock = new ManualClock();
  const db = new Database(database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase(), 10));
  await migrate(db, [outboxMigrations, handoverMigrations], clock.now());
  const logLines: Record<string, unknown>[] = [];
  const ids = createUlidGenerator(clock);
  const deps: HandoverDeps = {
    db,
    clock,
    ids,
    outbox: new Outbox(clock, ids),
    logger: createLogger('info', { write: (line) => void logLines.push(JSON.parse(line)) }),
    metrics: addHandoverMetrics(createMetrics(false)),
    config: loadConfig({ AUTOSESSION_DATA_DIR: ':memory:', ...env }),
    auditKeys: deriveAuditKeys([{ id: 'test', secret: Buffer.alloc(32, 7) }]),
    sessions: createClient(SessionService, noSessions),
    channels: channels({ clock }),
    triggerDelivery: () => {},
  };
  return new HandoverHarness(deps, clock, logLines);
}

/** Lists by the name of a session need a whole system. */
const noSessions = createRouterTransport((router) => router.service(SessionService, {}));

const noopChannel: ReminderChannel = { name: 'log', deliver: async () => {} };

export class HandoverHarness implements AsyncDisposable {
  readonly deps: HandoverDeps;
  readonly clock: ManualClock;
  readonly logLines: readonly Record<string, unknown>[];
  readonly #workers: DeliveryWorker[];

  constructor(deps: HandoverDeps, clock: ManualClock, logLines: readonly Record<string, unknown>[]) {
    this.deps = deps;
    this.clock = clock;
    this.logLines = logLines;
    this.#workers = deps.channels.map((channel) => createDeliveryWorker(deps, channel));
  }

  /** Handles the events one after another, like the process. */
  async handle(events: readonly Event[], tenant = 'default'): Promise<void> {
    const byCase = handoverEventHandlers(this.deps);
    for (const event of events)
      await runInBackgroundContext(systemContext(tenant, 'test'), () => byCase[event.payload.case!]?.(event));
  }

  /** The same service with other channels or hooks. */
  withDeps(deps: HandoverDeps): HandoverHarness {
    return new HandoverHarness(deps, this.clock, this.logLines);
  }

  /** Attempts all due deliveries, on every channel. */
  async deliverDue(signal = new AbortController().signal): Promise<void> {
    for (const worker of this.#workers) while (await worker.run(signal));
  }

  client(tenant = 'default'): Client<typeof HandoverService> {
    const transport = createRouterTransport(handoverRoutes(this.deps), {
      router: {
        interceptors: [
          (next) => (request) => runInBackgroundContext(systemContext(tenant, 'test'), () => next(request)),
          validateInterceptor(),
        ],
      },
    });
    return createClient(HandoverService, transport);
  }

  rows<T extends keyof HandoverTables>(table: T): Promise<Selectable<HandoverTables[T]>[]> {
    return this.deps.db
      .autocommit<HandoverTables>()
      .selectFrom(table as 'handovers')
      .selectAll()
      .execute() as never;
  }

  /** The events that the service emitted, in order. */
  async emitted(): Promise<Event[]> {
    const rows = await this.deps.db
      .autocommit<OutboxTables>()
      .selectFrom('outbox')
      .select('payload')
      .orderBy('position')
      .execute();
    return rows.map((row) => fromBinary(EventSchema, row.payload));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.deps.db.close();
  }
}
