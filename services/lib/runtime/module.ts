import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import type { FastifyInstance } from 'fastify';
import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Authenticate } from '../auth/identity.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/database.ts';
import type { Migrations } from '../db/migrations/migrations.ts';
import type { EventLog } from '../messaging/bus/event-log.ts';
import type { Outbox } from '../messaging/outbox/outbox.ts';
import type { TaskQueue } from '../messaging/queue/task-queue.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { ServiceClients } from '../rpc/service-clients.ts';
import type { Clock } from './clock.ts';
import type { IdGenerator } from './id-generator.ts';

/** The dependencies of every module. */
export interface Deps {
  readonly config: Config;
  readonly db: Database;
  readonly outbox: Outbox;
  readonly log: EventLog;
  readonly queue: TaskQueue;
  readonly clock: Clock;
  readonly ids: IdGenerator<string>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Identifies callers of REST; RPC ports apply it by themselves. */
  readonly authenticate: Authenticate;
  /** Fires when the process begins to stop: long polls and streams end then. */
  readonly stopping: AbortSignal;
}

/**
 * Handles an event. It may see an event twice, and must then lead to the same state. It runs in the system's
 * context of the event's tenant. After an error it is retried; then the session's events are parked for this consumer. The event is
 * shared with the other consumers and the streams of the process: it must not be changed.
 */
export type EventHandler = (event: Event) => Promise<void>;

/** A running module. */
export interface RunningModule extends AsyncDisposable {
  /** Stops its background loops; its RPCs and handlers keep working. May be called more than once. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Registers the module's RPCs. */
  routes(router: ConnectRouter): void;
  /** Adds the module's own routes to the HTTP port. */
  http?(app: FastifyInstance): void | Promise<void>;
  /** The requests that pages of AUTOSESSION_CORS_ORIGINS may make while no key is configured; absent for none. */
  readonly isPageRequest?: (method: string, path: string) => boolean;
  /** Its event handlers, by payload name (`sessionCreated`, …); absent when it consumes none. */
  readonly eventHandlers?: Readonly<Partial<Record<NonNullable<Event['payload']['case']>, EventHandler>>>;
  /** The clients for the RPCs that the module forwards; the process's own clients when absent. */
  readonly proxyClients?: ServiceClients;
  /** Starts its background loops; called once every module of the process has its routes. */
  onReady?(): void;
}

/** A service as a part of a process. */
export interface Module {
  /** session, task-dispatch, message-analysis, handover, gateway. */
  readonly name: string;
  /** The services that it provides. */
  readonly provides: readonly DescService[];
  /** The services that it calls. */
  readonly uses: readonly DescService[];
  /** Services whose RPCs callers from outside may call here, wherever they run. */
  readonly exposes?: readonly DescService[];
  /** Its tables. */
  readonly migrations?: Migrations;
  start(deps: Deps, clients: ServiceClients): Promise<RunningModule>;
}
