import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { type Client, ConnectError } from '@connectrpc/connect';
import type { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesRequest,
  type IngestMessagesResponse,
  MessageService,
} from '../../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { allowAnonymous } from '../../../services/lib/auth/identity.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { barrierMigrations } from '../../../services/lib/db/durability/durability-barrier.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import type { Executor } from '../../../services/lib/db/sql-backend.ts';
import { sqlTime } from '../../../services/lib/db/sql-time.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { errorInfo } from '../../../services/lib/errors/app-error.ts';
import { idempotencyMigrations } from '../../../services/lib/idempotency/idempotency-table.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { Outbox } from '../../../services/lib/messaging/outbox/outbox.ts';
import { type OutboxTables, outboxMigrations } from '../../../services/lib/messaging/outbox/outbox-tables.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import type { Deps, RunningModule } from '../../../services/lib/runtime/module.ts';
import { type RequestContext, runInBackgroundContext } from '../../../services/lib/runtime/request-context.ts';
import type { MessageDeps } from '../../../services/message-analysis/deps.ts';
import { createElementValidator } from '../../../services/message-analysis/ingest/element-validator.ts';
import { PartiesCache } from '../../../services/message-analysis/ingest/parties-cache.ts';
import { addMessageMetrics } from '../../../services/message-analysis/metrics.ts';
import { messageAnalysisModule } from '../../../services/message-analysis/module.ts';
import { RuleSets } from '../../../services/message-analysis/rules/rule-sets.ts';
import { addRuleSetVersion } from '../../../services/message-analysis/store/rule-sets.ts';
import type { MessageRow, MessageTables } from '../../../services/message-analysis/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../servers/shared-servers.ts';
import { TestClock } from '../test-clock.ts';
import { MessageAnalysisFakes } from './message-analysis-fakes.ts';

/** The message-analysis service alone, with fakes of the services that it calls. */
export interface MessageAnalysisHarness extends AsyncDisposable {
  readonly fakes: MessageAnalysisFakes;
  readonly clock: TestClock;
  readonly client: Client<typeof MessageService>;
  readonly module: RunningModule;
  readonly deps: MessageDeps;
  /** Uploads elements in their JSON form. */
  upload(messages: readonly unknown[], over?: UploadOptions): Promise<IngestMessagesResponse>;
  /** The stored messages of all conversations, by conversation and number. */
  rows(): Promise<MessageRow[]>;
  events(): Promise<Event[]>;
  /** The session that the default tenant's conversation with a shop has recorded, from events and answers. */
  knownSession(shopName?: string): Promise<{ sessionId: string; status: Control } | undefined>;
  /** Runs `work` in the context of the tenant. */
  as<T>(tenant: string, work: () => Promise<T>): Promise<T>;
}

export type UploadOptions = Partial<
  Pick<IngestMessagesRequest, 'shopName' | 'shopId' | 'accountId' | 'platform' | 'idempotencyKey'>
> & { tenant?: string };

/** The databases that this machine has. */
export const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);

/** Starts it with its own database; `await using` stops it. */
export async function startMessageAnalysisHarness(
  database: (typeof databases)[number] = 'SQLite',
  { shopRules }: { readonly shopRules?: object } = {},
): Promise<MessageAnalysisHarness> {
  const clock = new TestClock();
  const ids = createUlidGenerator(clock);
  const db = new Database(database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()));
  await migrate(
    db,
    [barrierMigrations, outboxMigrations, idempotencyMigrations, messageAnalysisModule.migrations!],
    clock.now(),
  );
  if (shopRules) await storeShopRules(db, shopRules);
  const logger = createLogger('silent');
  const metrics = createMetrics(false);
  const config = loadConfig({ AUTOSESSION_DATA_DIR: ':memory:' });
  const { signal: stopping } = new AbortController();
  const parts = { config, db, outbox: new Outbox(clock, ids), clock, ids, logger, metrics, stopping };
  const kernel = { ...parts, authenticate: allowAnonymous } as Omit<Deps, 'log' | 'queue'> as Deps; // the service uses neither
  const fakes = new MessageAnalysisFakes();
  const internalSecret = 'the same for all';
  let module: RunningModule | undefined;
  const clients = createServiceClients({
    internalSecret: internalSecret,
    interceptors: [
      observeInterceptor({ logger, metrics }),
      contextInterceptor({ authenticate: allowAnonymous, internalSecret: internalSecret, ids }),
      validateInterceptor(),
    ],
    routes: (router) => {
      fakes.routes(router);
      module?.routes(router);
    },
  });
  module = await messageAnalysisModule.start(kernel, clients);
  const client = clients.get(MessageService);
  const as = <T>(tenant: string, work: () => Promise<T>): Promise<T> => {
    const context: RequestContext = { tenant, requestId: 'req', actor: 'test' };
    return runInBackgroundContext(context, work);
  };
  const ruleSets = new RuleSets(db, logger);
  await ruleSets.refresh();
  const sessions = clients.get(SessionService);
  const tasks = clients.get(TaskService);
  return {
    fakes,
    clock,
    module,
    client,
    as,
    deps: {
      ...kernel,
      metrics: addMessageMetrics(createMetrics(false)),
      sessions,
      tasks,
      parties: new PartiesCache(kernel.clock),
      validateElement: createElementValidator(),
      ruleSets,
    },
    upload: (messages, { tenant = 'default', ...over } = {}) =>
      as(tenant, () => client.ingestMessages({ shopName: '小店', ...over, messages: messages.map(value) })),
    rows: () => allRows(db.autocommit<MessageTables>()),
    events: () => allEvents(db.autocommit<OutboxTables>()),
    knownSession: (shopName = '小店') =>
      db
        .autocommit<MessageTables>()
        .selectFrom('conversations')
        .select(['session_id as sessionId', 'session_status as status'])
        .where('tenant', '=', 'default')
        .where('shop_name', '=', shopName)
        .executeTakeFirst(),
    [Symbol.asyncDispose]: async () => {
      await module?.[Symbol.asyncDispose]();
      await db.close();
    },
  };
}

/** Stores the first version of the rules of the default tenant for shop sessions. */
function storeShopRules(db: Database, shopRules: object): Promise<boolean> {
  const row = { tenant: 'default', kind: 'shop', version: 1, created_by: 'test', note: '', created_at: sqlTime(0) };
  const version = { ...row, document: JSON.stringify(shopRules) };
  return db.transaction<MessageTables, boolean>('test', (tx) => addRuleSetVersion(tx, version, 'put_1'));
}

function value(json: unknown) {
  return fromJson(ValueSchema, json as JsonValue);
}

function allRows(db: Executor<MessageTables>): Promise<MessageRow[]> {
  return db.selectFrom('messages').selectAll().orderBy('tenant').orderBy('conversation_id').orderBy('seq').execute();
}

async function allEvents(db: Executor<OutboxTables>): Promise<Event[]> {
  const rows = await db.selectFrom('outbox').selectAll().orderBy('position').execute();
  return rows.map(({ payload }) => fromBinary(EventSchema, payload));
}

/** The names of an answer's verdicts. */
export function verdicts({ messages }: IngestMessagesResponse): string[] {
  return messages.map(({ verdict }) => Verdict[verdict].toLowerCase());
}

/** The reason of a refused call. */
export async function errorReasonOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return errorInfo(error)?.reason;
  }
}
