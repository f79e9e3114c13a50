import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, type ConnectRouter, createClient, createRouterTransport } from '@connectrpc/connect';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskSchema, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import {
  type CreateTaskRequest,
  CreateTaskResponseSchema,
  type RaiseFenceRequest,
  RaiseFenceResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { inContext } from '../../../services/lib/context.ts';
import type { Backend } from '../../../services/lib/db/database.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { migrate } from '../../../services/lib/db/migrate.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite.ts';
import { createDirectory } from '../../../services/lib/directory.ts';
import { ErrorReason, refuse } from '../../../services/lib/errors/refuse.ts';
import { idempotencyMigrations } from '../../../services/lib/idempotency.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { anonymous, contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { loadConfig } from '../../../services/lib/load-config.ts';
import { createLogger } from '../../../services/lib/log.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import type { Deps } from '../../../services/lib/module.ts';
import { Outbox, type OutboxTables, outboxMigrations } from '../../../services/lib/outbox/outbox.ts';
import type { SessionDeps } from '../../../services/session/deps.ts';
import { sessionDeps, sessionModule } from '../../../services/session/module.ts';
import { sessionRoutes } from '../../../services/session/rpc/routes.ts';
import { TestClock } from '../../clock.ts';

/** The session service alone: its neighbours are stand-ins that remember what they were told. */
export interface SessionWorld extends AsyncDisposable {
  readonly sessions: Client<typeof SessionService>;
  /** The same as another tenant. */
  as(tenant: string): Client<typeof SessionService>;
  readonly deps: SessionDeps;
  readonly clock: TestClock;
  readonly neighbours: Neighbours;
  /** Runs work as the service's background does. */
  inBackground<T>(work: () => T): T;
  /** The events that were emitted for a session, in order. */
  events(sessionId: string): Promise<Event[]>;
}

/** Task-dispatch and message-analysis as the session service sees them. */
export class Neighbours {
  readonly created: CreateTaskRequest[] = [];
  readonly raised: RaiseFenceRequest[] = [];
  /** While true, task-dispatch does not answer. */
  down = false;
  /** What RaiseFence says is out. */
  out: string[] = [];
  /** The tasks that task-dispatch shows. */
  tasks: MessageInitShape<typeof TaskSchema>[] = [];
  /** Why task-dispatch withdraws new tasks at once; empty when it does not. */
  withdraws = '';

  readonly routes = (router: ConnectRouter) => {
    router.service(TaskService, {
      createTask: (request) => {
        this.#answering();
        this.created.push(request);
        const { task } = request;
        const taskStatus = this.withdraws ? TaskStatus.CANCELLED : TaskStatus.PENDING;
        const { taskId, sessionId } = task ?? {};
        return create(CreateTaskResponseSchema, {
          task: create(TaskSchema, { taskId, sessionId, taskStatus, errorMessage: this.withdraws }),
        });
      },
      raiseFence: (request) => {
        this.#answering();
        this.raised.push(request);
        return create(RaiseFenceResponseSchema, {
          ownerEpoch: request.ownerEpoch,
          possiblySent: this.out.map((taskId) => ({ taskId })),
        });
      },
      getSessionTasks: () => ({ tasks: this.tasks.map((task) => create(TaskSchema, task)), sourceSeq: 0 }),
    });
    router.service(MessageService, { getSessionMessages: () => ({ messageCount: 3, messages: [], sourceSeq: 0 }) });
  };

  #answering(): void {
    if (this.down) throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'down');
  }
}

/** Starts one on SQLite in memory, or on `backend`. */
export async function startSessionWorld(backend: Backend = sqliteBackend(':memory:')): Promise<SessionWorld> {
  const clock = new TestClock();
  const ids = ulidIds(clock);
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
    authenticate: anonymous,
    stopping: new AbortController().signal,
    log: undefined as never,
    queue: undefined as never,
  };
  const hopSecret = 'secret';
  const interceptors = [
    observeInterceptor(base),
    contextInterceptor({ authenticate: anonymous, hopSecret, ids }),
    validateInterceptor(),
  ];
  const neighbours = new Neighbours();
  const directory = createDirectory({ routes: neighbours.routes, interceptors, hopSecret });
  const deps = sessionDeps(base, directory);
  const clientOf = (tenant: string) =>
    createClient(
      SessionService,
      createRouterTransport(sessionRoutes(deps), {
        router: { interceptors },
        transport: {
          interceptors: [
            (next) => (request) => {
              request.header.set('x-autosession-hop', hopSecret);
              request.header.set('x-autosession-tenant', tenant);
              return next(request);
            },
          ],
        },
      }),
    );
  return {
    sessions: clientOf('default'),
    as: clientOf,
    deps,
    clock,
    neighbours,
    inBackground: (work) => inContext({ tenant: 'default', requestId: 'test', actor: 'system' }, work),
    events: (sessionId) => emitted(db, sessionId),
    [Symbol.asyncDispose]: () => db.close(),
  };
}

async function emitted(db: Database, sessionId: string): Promise<Event[]> {
  const rows = await db
    .of<OutboxTables>()
    .selectFrom('outbox')
    .select('payload')
    .where('session_id', '=', sessionId)
    .orderBy('source_seq')
    .execute();
  return rows.map((row) => fromBinary(EventSchema, row.payload));
}

let counter = 0;

/** A session request for an account and a shop of its own. */
export function creation(over: object = {}) {
  counter += 1;
  return {
    accountId: `acc-${counter}`,
    shopId: `shop-${counter}`,
    shopName: `店铺${counter}`,
    taskType: 1,
    externalTaskId: `ext-${counter}`,
    sendContent: '可以便宜一点吗？',
    ...over,
  };
}
