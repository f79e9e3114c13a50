import { fromBinary } from '@bufbuild/protobuf';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { ReminderChannel } from '../../../services/handover/channels/channel.ts';
import { type Lane, laneOf } from '../../../services/handover/delivery/lane.ts';
import type { HandoverDeps } from '../../../services/handover/deps.ts';
import { handlers } from '../../../services/handover/events.ts';
import { handoverRoutes } from '../../../services/handover/routes.ts';
import { handoverMigrations } from '../../../services/handover/store/migrations.ts';
import type { HandoverTables } from '../../../services/handover/store/tables.ts';
import { inContext, systemContext } from '../../../services/lib/context.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { loadConfig } from '../../../services/lib/load-config.ts';
import { createLogger } from '../../../services/lib/log.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import { Outbox, type OutboxTables, outboxMigrations } from '../../../services/lib/outbox/outbox.ts';
import { createDatabase, stackAvailable } from '../../stack.ts';

export const databases: readonly ('SQLite' | 'MariaDB')[] = stackAvailable ? ['SQLite', 'MariaDB'] : ['SQLite'];

/** A time at the beginning of a minute. */
export const START = Date.UTC(2026, 0, 5, 8, 0, 0);

/** A clock that only a test moves. */
export class HandClock {
  #now = START;
  #passed = 0;
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#passed;
  }
  advance(ms: number): void {
    this.#now += ms;
    this.#passed += ms;
  }
  /** Sets the wall clock; the monotonic clock does not change. */
  set(ms: number): void {
    this.#now += ms;
  }
}

/** The service on a database of its own, without loops: a test delivers when it likes. */
export async function startHandover(
  database: (typeof databases)[number] = 'SQLite',
  channels: (deps: { clock: HandClock }) => readonly ReminderChannel[] = () => [quiet],
  env: Record<string, string> = {},
) {
  const clock = new HandClock();
  const db = new Database(database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase(), 10));
  await migrate(db, [outboxMigrations, handoverMigrations], clock.now());
  const lines: Record<string, unknown>[] = [];
  const ids = ulidIds(clock);
  const deps: HandoverDeps = {
    db,
    clock,
    ids,
    outbox: new Outbox(clock, ids),
    logger: createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(false),
    config: loadConfig(env),
    channels: channels({ clock }),
    wakeDelivery: () => {},
  };
  return new RunningHandover(deps, clock, lines);
}

const quiet: ReminderChannel = { name: 'log', deliver: async () => {} };

export class RunningHandover implements AsyncDisposable {
  readonly deps: HandoverDeps;
  readonly clock: HandClock;
  readonly lines: readonly Record<string, unknown>[];
  readonly #lanes: Lane[];

  constructor(deps: HandoverDeps, clock: HandClock, lines: readonly Record<string, unknown>[]) {
    this.deps = deps;
    this.clock = clock;
    this.lines = lines;
    this.#lanes = deps.channels.map((channel) => laneOf(deps, channel));
  }

  /** Hands the events over as the process does, one after the other. */
  async handle(events: readonly Event[], tenant = 'default'): Promise<void> {
    const byCase = handlers(this.deps);
    for (const event of events)
      await inContext(systemContext(tenant, 'test'), () => byCase[event.payload.case!]?.(event));
  }

  /** The same service over other channels or hooks. */
  with(deps: HandoverDeps): RunningHandover {
    return new RunningHandover(deps, this.clock, this.lines);
  }

  /** Tries everything that is due, on every channel. */
  async deliver(signal = new AbortController().signal): Promise<void> {
    for (const lane of this.#lanes) while (await lane.run(signal));
  }

  client(tenant = 'default'): Client<typeof HandoverService> {
    const transport = createRouterTransport(handoverRoutes(this.deps), {
      router: {
        interceptors: [
          (next) => (request) => inContext(systemContext(tenant, 'test'), () => next(request)),
          validateInterceptor(),
        ],
      },
    });
    return createClient(HandoverService, transport);
  }

  rows<T extends keyof HandoverTables>(table: T): Promise<HandoverTables[T][]> {
    return this.deps.db
      .of<HandoverTables>()
      .selectFrom(table as 'handovers')
      .selectAll()
      .execute() as never;
  }

  /** What the service emitted, in order. */
  async emitted(): Promise<Event[]> {
    const rows = await this.deps.db
      .of<OutboxTables>()
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
