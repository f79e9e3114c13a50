import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Client, ConnectRouter } from '@connectrpc/connect';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { EventSchema, type TaskChanged } from '../../../gen/autosession/event/v1/event_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { QueueLevel, type TaskSpecSchema, TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { allowAnonymous } from '../../../services/lib/auth/identity.ts';
import type { Config } from '../../../services/lib/config/config.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { idempotencyMigrations } from '../../../services/lib/idempotency/idempotency-table.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { Outbox } from '../../../services/lib/messaging/outbox/outbox.ts';
import { type OutboxTables, outboxMigrations } from '../../../services/lib/messaging/outbox/outbox-tables.ts';
import { queueMigrations, sqlQueue } from '../../../services/lib/messaging/queue/sql-queue.ts';
import type { TaskQueue } from '../../../services/lib/messaging/queue/task-queue.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import type { Deps, RunningModule } from '../../../services/lib/runtime/module.ts';
import { runInBackgroundContext, systemContext } from '../../../services/lib/runtime/request-context.ts';
import { newRecent, type TaskDeps } from '../../../services/task-dispatch/deps.ts';
import { reap } from '../../../services/task-dispatch/jobs/reaper.ts';
import { addTaskMetrics } from '../../../services/task-dispatch/metrics.ts';
import { taskDispatchModule } from '../../../services/task-dispatch/module.ts';
import { ReadyQueue } from '../../../services/task-dispatch/queue/ready-queue.ts';
import { fromStoredStatus } from '../../../services/task-dispatch/store/stored-status.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { unique } from '../factories.ts';
import { createDatabase, sharedServersAvailable } from '../servers/shared-servers.ts';
import { TestClock } from '../test-clock.ts';
import { FakeSessionService } from './fake-session-service.ts';

/** The task-dispatch service alone, on a real database, with a fake session service. */
export interface TaskDispatchHarness extends AsyncDisposable {
  readonly clock: TestClock;
  readonly deps: TaskDeps;
  readonly module: RunningModule;
  readonly sessions: FakeSessionService;
  readonly tasks: Client<typeof TaskService>;
  readonly db: Database;
  /** Runs one round of the reaper. */
  reap(): Promise<void>;
  /** The changes of tasks, in order per session; of all sessions without an argument. */
  events(sessionId?: string): Promise<TaskChanged[]>;
  /** Runs in the context of the default tenant. */
  inTenantContext<T>(work: () => T): T;
}

export interface TaskDispatchHarnessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly database?: DatabaseName;
  readonly queue?: (queue: TaskQueue) => TaskQueue;
}

export type DatabaseName = 'sqlite' | 'mariadb';

/** The databases that this machine can run. */
export const databaseNames: readonly DatabaseName[] = sharedServersAvailable ? ['sqlite', 'mariadb'] : ['sqlite'];

export async function startTaskDispatchHarness(options: TaskDispatchHarnessOptions = {}): Promise<TaskDispatchHarness> {
  const clock = new TestClock();
  const config = loadConfig({ LOG_LEVEL: 'silent', ...options.env });
  const mysql = options.database === 'mariadb';
  const db = new Database(mysql ? mysqlBackend(await createDatabase()) : sqliteBackend(':memory:'));
  const tables = [outboxMigrations, idempotencyMigrations, queueMigrations, taskDispatchMigrations()];
  await migrate(db, tables, clock.now());
  const queue = options.queue?.(sqlQueue(db)) ?? sqlQueue(db);
  const sessions = new FakeSessionService();
  const given = depsOf({ clock, config, db, queue });
  const routes = (router: ConnectRouter) => {
    router.service(SessionService, sessions.service);
    module.routes(router);
  };
  const interceptors = [
    observeInterceptor(given),
    contextInterceptor({ authenticate: allowAnonymous, internalSecret: SECRET, ids: given.ids }),
    validateInterceptor(),
  ];
  const clients = createServiceClients({ routes, interceptors, internalSecret: SECRET });
  const module = await taskDispatchModule.start(given, clients);
  const ready = new ReadyQueue(queue, given.logger);
  const metrics = addTaskMetrics(createMetrics(false));
  const deps: TaskDeps = { ...given, metrics, ready, recent: newRecent(), sessions: clients.get(SessionService) };
  return {
    clock,
    deps,
    module,
    sessions,
    db,
    tasks: clients.get(TaskService),
    reap: async () => void (await reap(deps, new AbortController().signal)),
    events: (sessionId) => readEvents(db, sessionId),
    inTenantContext: (work) => runInBackgroundContext(systemContext('default', 'test'), work),
    [Symbol.asyncDispose]: async () => {
      await module[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await db.close();
    },
  };
}

const SECRET = 'test';

function taskDispatchMigrations() {
  const { migrations } = taskDispatchModule;
  if (!migrations) throw new Error('task-dispatch has no migrations');
  return migrations;
}

function depsOf(given: { clock: TestClock; config: Config; db: Database; queue: TaskQueue }): Deps {
  const ids = createUlidGenerator(given.clock);
  const logger = createLogger(given.config.logLevel);
  const outbox = new Outbox(given.clock, ids);
  const stopping = new AbortController().signal;
  const shared = { ids, logger, outbox, metrics: createMetrics(false), authenticate: allowAnonymous, stopping };
  // task-dispatch does not read the event log
  return { ...given, ...shared, log: undefined as never };
}

async function readEvents(db: Database, sessionId?: string): Promise<TaskChanged[]> {
  const rows = await db
    .autocommit<OutboxTables>()
    .selectFrom('outbox')
    .select(['payload', 'source_seq', 'session_id'])
    .$if(sessionId !== undefined, (query) => query.where('session_id', '=', sessionId!))
    .orderBy('session_id')
    .orderBy('source_seq')
    .execute();
  return rows.map((row) => {
    const { payload } = fromBinary(EventSchema, row.payload);
    if (payload.case !== 'taskChanged') throw new Error(`task-dispatch emitted ${payload.case}`);
    return payload.value;
  });
}

/** A task with its own session, account and shop. */
export function taskSpec(overrides: MessageInitShape<typeof TaskSpecSchema> = {}) {
  const n = unique();
  return {
    taskId: `tsk_${n}`,
    sessionId: `ses_${n}`,
    ownerEpoch: 1,
    externalTaskId: `ext-${n}`,
    taskType: TaskType.AUTO_BARGAIN,
    level: QueueLevel.LEVEL3,
    sendContent: `您好 ${n}`,
    accountId: `t-acc-${n}`,
    shopId: `shop-${n}`,
    shopName: `店铺${n}`,
    platform: '淘天',
    accountKey: `acc_${n}`,
    shopKey: `shp_${n}`,
    maxAttempts: 1,
    ...overrides,
  };
}

/** Steps that many tests need. */
export function taskActions({ tasks, sessions, clock, db }: TaskDispatchHarness) {
  const store = async (overrides: Parameters<typeof taskSpec>[0] = {}) => {
    const task = taskSpec({ createdAt: timestampFromMs(clock.now()), ...overrides });
    if (!sessions.byId.has(task.sessionId)) sessions.open(task.sessionId);
    await tasks.createTask({ task, status: Control.BOT_ACTIVE });
    return task;
  };
  const claim = (accountId = '', workerId = '') => tasks.claimNextTask({ accountId, workerId });
  const fetch = (taskId: string, leaseToken = '') => tasks.getSendInfo({ taskId, leaseToken });
  /** A fetched task. */
  const sent = async (overrides: Parameters<typeof taskSpec>[0] = {}) => {
    const spec = await store(overrides);
    const lease = await claim(spec.accountId);
    await fetch(lease.taskId, lease.leaseToken);
    return { ...spec, token: lease.leaseToken };
  };
  const raise = (sessionId: string, ownerEpoch: number, overrides: Record<string, unknown> = {}) =>
    tasks.raiseFence({
      sessionId,
      ownerEpoch,
      status: Control.PENDING_MANUAL,
      tasksFromEpoch: ownerEpoch,
      cancelReason: 'handed_over',
      ...overrides,
    });
  const pause = (sessionId: string, ownerEpoch: number) =>
    raise(sessionId, ownerEpoch, { status: Control.BOT_ACTIVE, paused: true, tasksFromEpoch: 1 });
  const resume = (sessionId: string, ownerEpoch: number) =>
    raise(sessionId, ownerEpoch, { status: Control.BOT_ACTIVE, tasksFromEpoch: 1 });
  const row = (taskId: string) =>
    db.autocommit<TaskTables>().selectFrom('tasks').selectAll().where('task_id', '=', taskId).executeTakeFirstOrThrow();
  const status = async (taskId: string) => fromStoredStatus((await row(taskId)).status);
  const complete = (sessionId: string, overrides: Record<string, unknown> = {}) =>
    tasks.completeSessionTask({ sessionId, success: true, ...overrides });
  return { store, claim, fetch, sent, raise, pause, resume, row, status, complete };
}
