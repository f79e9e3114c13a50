import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import {
  EventService,
  type WatchEventsRequestSchema,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { EventBroker } from '../../../services/gateway/events/event-broker.ts';
import { watchEvents } from '../../../services/gateway/events/watch-events.ts';
import { addGatewayMetrics } from '../../../services/gateway/metrics.ts';
import { appError, ErrorReason } from '../../../services/lib/errors/app-error.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import type { EventLog } from '../../../services/lib/messaging/bus/event-log.ts';
import type { RingBufferLimits } from '../../../services/lib/messaging/bus/log-reader/ring-buffer.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import { systemClock } from '../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import { MemoryEventLog } from './memory-event-log.ts';
import { logger } from './rest-fixture.ts';

/** A response as one word; an event as its id. */
export interface WatchItem {
  readonly kind: string;
  readonly cursor: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read every kind
  readonly value: any;
}

/** The state of ses_known, the only session, for the snapshot. */
interface SnapshotSession {
  sourceSeq: number;
  tasksSeq?: number;
}

export interface WatchHarnessOptions {
  readonly heartbeatMs?: number;
  readonly undecidedMs?: number;
  readonly limits?: RingBufferLimits;
  readonly session?: SnapshotSession;
  /** Waits until the reads are on disk. */
  readonly confirmReads?: () => Promise<void>;
  /** Replaces the log in memory. */
  readonly log?: EventLog;
}

/** EventService over a log in memory, with stubs of the services that a snapshot calls. */
export function watchHarness(options: WatchHarnessOptions = {}) {
  const log = new MemoryEventLog();
  const broker = new EventBroker({ log: options.log ?? log, logger, limits: options.limits });
  const stopping = new AbortController();
  const metrics = addGatewayMetrics(createMetrics(false));
  const db = { confirmReads: options.confirmReads ?? (async () => {}) };
  const session = options.session ?? { sourceSeq: 0 };
  const snapshot = snapshotStubs(session);
  const ids = createUlidGenerator(systemClock);
  const interceptors = [
    observeInterceptor({ logger, metrics }),
    contextInterceptor({
      authenticate: (headers) => ({ tenant: headers.get('x-test-tenant') ?? 'default', actor: 'test' }),
      internalSecret: 'secret',
      ids,
    }),
    validateInterceptor(),
  ];
  const routes: Parameters<typeof createRouterTransport>[0] = (router) => {
    snapshot(router);
    const timings = { heartbeatMs: options.heartbeatMs ?? 60_000, undecidedMs: options.undecidedMs ?? 60_000 };
    const watch = watchEvents({ broker, db, clients, clock: systemClock, metrics, stopping: stopping.signal, timings });
    router.service(EventService, { watchEvents: watch });
  };
  const clients = createServiceClients({ routes, interceptors, internalSecret: 'secret' });
  const transport = createRouterTransport(routes, { router: { interceptors } });
  const client = createClient(EventService, transport);
  return {
    log,
    broker,
    metrics,
    session,
    routes,
    clients,
    interceptors,
    stop: () => stopping.abort(),
    /** Opens a stream and waits for its first response. */
    watch: async (request: MessageInitShape<typeof WatchEventsRequestSchema> = {}, tenant = 'default') => {
      const controller = new AbortController();
      const responses = client.watchEvents(request, {
        headers: { 'x-test-tenant': tenant },
        signal: controller.signal,
      });
      return openStream(responses[Symbol.asyncIterator](), controller);
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await broker[Symbol.asyncDispose]();
    },
  };
}

type Responses = AsyncIterator<WatchEventsResponse>;

async function openStream(responses: Responses, controller: AbortController) {
  const next = async (): Promise<WatchItem> => {
    const { done, value } = await responses.next();
    if (done) return { kind: 'end', cursor: '', value: undefined };
    const { kind, cursor } = value;
    const what = kind.case === 'event' ? kind.value.eventId : (kind.case ?? '');
    return { kind: what, cursor, value: kind.value };
  };
  const first = await next();
  return {
    first,
    next,
    /** The ids of the next events, without heartbeats. */
    take: async (count: number): Promise<string[]> => {
      const seen: string[] = [];
      while (seen.length < count) {
        const { kind } = await next();
        if (kind !== 'heartbeat') seen.push(kind);
      }
      return seen;
    },
    close: () => controller.abort(),
    [Symbol.dispose]: () => controller.abort(),
  };
}

function snapshotStubs(session: SnapshotSession) {
  return (router: Parameters<Parameters<typeof createRouterTransport>[0]>[0]): void => {
    router.service(SessionService, {
      getSession: async ({ sessionId }) => {
        if (sessionId !== 'ses_known') throw appError(ErrorReason.SESSION_NOT_FOUND, 'none', { session_id: sessionId });
        return { session: { sessionId, sessionName: sessionId, sourceSeq: session.sourceSeq, version: 7 } };
      },
    });
    router.service(TaskService, {
      getSessionTasks: async () => ({
        tasks: [{ taskId: 'tsk_1', sendContent: 'SECRET' }],
        sourceSeq: session.tasksSeq ?? 0,
      }),
    });
    router.service(MessageService, { getSessionMessages: async () => ({ messageCount: 3 }) });
    router.service(HandoverService, { getSessionHandover: async () => ({}) });
  };
}
