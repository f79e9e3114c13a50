import { create, type DescService, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, type ConnectRouter, createClient, createRouterTransport } from '@connectrpc/connect';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import type { InterruptedReplySchema } from '../../../gen/autosession/message/v1/chat_pb.js';
import { ChatService, type RaiseChatFenceRequest } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskSchema, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import {
  type CreateTaskRequest,
  CreateTaskResponseSchema,
  type RaiseFenceRequest,
  RaiseFenceResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { allowAnonymous } from '../../../services/lib/auth/identity.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import type { SqlBackend } from '../../../services/lib/db/sql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { appError, ErrorReason } from '../../../services/lib/errors/app-error.ts';
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
import type { Deps } from '../../../services/lib/runtime/module.ts';
import { runInBackgroundContext } from '../../../services/lib/runtime/request-context.ts';
import type { SessionDeps } from '../../../services/session/deps.ts';
import { sessionDeps, sessionModule } from '../../../services/session/module.ts';
import { sessionRoutes } from '../../../services/session/routes.ts';
import { TestClock } from '../test-clock.ts';

/** The session service alone, with fakes of the other services that record their calls. */
export interface SessionHarness extends AsyncDisposable {
  readonly sessions: Client<typeof SessionService>;
  readonly directory: Client<typeof DirectoryService>;
  /** The same as another tenant. */
  as(tenant: string): Client<typeof SessionService>;
  readonly deps: SessionDeps;
  readonly clock: TestClock;
  readonly fakes: SessionFakes;
  /** Runs work in the background context. */
  inBackground<T>(work: () => T): T;
  /** The events that were emitted for a session, in order. */
  events(sessionId: string): Promise<Event[]>;
}

/** Fakes of task-dispatch and message-analysis. */
export class SessionFakes {
  readonly createTaskRequests: CreateTaskRequest[] = [];
  readonly raiseFenceRequests: RaiseFenceRequest[] = [];
  readonly raiseChatFenceRequests: RaiseChatFenceRequest[] = [];
  /** While true, task-dispatch does not answer. */
  unavailable = false;
  /** While true, message-analysis raises no fence. */
  chatsUnavailable = false;
  /** The answer that RaiseChatFence returns as interrupted. */
  interruptedReply: MessageInitShape<typeof InterruptedReplySchema> | undefined;
  /** The possibly sent tasks that RaiseFence returns. */
  possiblySent: string[] = [];
  /** The tasks that task-dispatch returns. */
  tasks: MessageInitShape<typeof TaskSchema>[] = [];
  /** The reason why task-dispatch cancels new tasks immediately; empty if it does not. */
  withdrawReason = '';

  readonly routes = (router: ConnectRouter) => {
    router.service(TaskService, {
      createTask: (request) => {
        this.#assertAvailable();
        this.createTaskRequests.push(request);
        const { task } = request;
        const taskStatus = this.withdrawReason ? TaskStatus.CANCELLED : TaskStatus.PENDING;
        const { taskId, sessionId } = task ?? {};
        return create(CreateTaskResponseSchema, {
          task: create(TaskSchema, { taskId, sessionId, taskStatus, errorMessage: this.withdrawReason }),
        });
      },
      raiseFence: (request) => {
        this.#assertAvailable();
        this.raiseFenceRequests.push(request);
        return create(RaiseFenceResponseSchema, {
          ownerEpoch: request.ownerEpoch,
          possiblySent: this.possiblySent.map((taskId) => ({ taskId })),
        });
      },
      getSessionTasks: () => ({ tasks: this.tasks.map((task) => create(TaskSchema, task)), sourceSeq: 0 }),
    });
    router.service(ChatService, {
      raiseChatFence: (request) => {
        if (this.chatsUnavailable) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'down');
        this.raiseChatFenceRequests.push(request);
        return { ownerEpoch: request.ownerEpoch, interruptedReply: this.interruptedReply };
      },
    });
    router.service(MessageService, { getSessionMessages: () => ({ messageCount: 3, messages: [], sourceSeq: 0 }) });
  };

  #assertAvailable(): void {
    if (this.unavailable) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'down');
  }
}

/** Starts one on SQLite in memory, or on `backend`. */
export async function startSessionHarness(backend: SqlBackend = sqliteBackend(':memory:')): Promise<SessionHarness> {
  const clock = new TestClock();
  const ids = createUlidGenerator(clock);
  const db = new Database(backend);
  const own = sessionModule.migrations ? [sessionModule.migrations] : [];
  await migrate(db, [outboxMigrations, idempotencyMigrations, ...own], clock.now());
  const logger = createLogger('silent');
  const base: Deps = {
    config: loadConfig({ AUTOSESSION_DATA_DIR: ':memory:' }),
    db,
    outbox: new Outbox(clock, ids),
    clock,
    ids,
    logger,
    metrics: createMetrics(false),
    authenticate: allowAnonymous,
    stopping: new AbortController().signal,
    log: undefined as never,
    queue: undefined as never,
  };
  const internalSecret = 'secret';
  const interceptors = [
    observeInterceptor(base),
    contextInterceptor({ authenticate: allowAnonymous, internalSecret: internalSecret, ids }),
    validateInterceptor(),
  ];
  const fakes = new SessionFakes();
  const clients = createServiceClients({ routes: fakes.routes, interceptors, internalSecret: internalSecret });
  const deps = sessionDeps(base, clients);
  const clientOf = <S extends DescService>(service: S, tenant: string) =>
    createClient(
      service,
      createRouterTransport(sessionRoutes(deps), {
        router: { interceptors },
        transport: {
          interceptors: [
            (next) => (request) => {
              request.header.set('x-autosession-hop', internalSecret);
              request.header.set('x-autosession-tenant', tenant);
              return next(request);
            },
          ],
        },
      }),
    );
  return {
    sessions: clientOf(SessionService, 'default'),
    directory: clientOf(DirectoryService, 'default'),
    as: (tenant) => clientOf(SessionService, tenant),
    deps,
    clock,
    fakes,
    inBackground: (work) => runInBackgroundContext({ tenant: 'default', requestId: 'test', actor: 'system' }, work),
    events: (sessionId) => emitted(db, sessionId),
    [Symbol.asyncDispose]: () => db.close(),
  };
}

async function emitted(db: Database, sessionId: string): Promise<Event[]> {
  const rows = await db
    .autocommit<OutboxTables>()
    .selectFrom('outbox')
    .select('payload')
    .where('session_id', '=', sessionId)
    .orderBy('source_seq')
    .execute();
  return rows.map((row) => fromBinary(EventSchema, row.payload));
}

let counter = 0;

/** A session request with its own account and shop. */
export function createSessionRequest(overrides: object = {}) {
  counter += 1;
  return {
    accountId: `acc-${counter}`,
    shopId: `shop-${counter}`,
    shopName: `店铺${counter}`,
    taskType: 1,
    externalTaskId: `ext-${counter}`,
    sendContent: '可以便宜一点吗？',
    ...overrides,
  };
}
