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
import { EventHub } from '../../../services/gateway/events/hub.ts';
import { watchEvents } from '../../../services/gateway/events/watch-events.ts';
import type { EventLog } from '../../../services/lib/bus/event-log.ts';
import type { RingLimits } from '../../../services/lib/bus/ring.ts';
import { systemClock } from '../../../services/lib/clock.ts';
import { createDirectory } from '../../../services/lib/directory.ts';
import { ErrorReason, refuse } from '../../../services/lib/errors/refuse.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import { MemoryLog } from './memory-log.ts';
import { logger } from './rest-fixture.ts';

/** What one response was, in a word; an event by its id. */
export interface Seen {
  readonly what: string;
  readonly cursor: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every kind
  readonly value: any;
}

/** How the one session that exists, ses_known, stands for the snapshot. */
interface KnownSession {
  sourceSeq: number;
  tasksSeq?: number;
}

export interface WatchWorldOptions {
  readonly heartbeatMs?: number;
  readonly undecidedMs?: number;
  readonly limits?: RingLimits;
  readonly known?: KnownSession;
  /** Waits until what was read is on disk. */
  readonly confirmReads?: () => Promise<void>;
  /** In place of the log in memory. */
  readonly log?: EventLog;
}

/** EventService over a log in memory, with stubs of the services that a snapshot asks. */
export function watchWorld(options: WatchWorldOptions = {}) {
  const log = new MemoryLog();
  const hub = new EventHub({ log: options.log ?? log, logger, limits: options.limits });
  const stopping = new AbortController();
  const metrics = createMetrics(false);
  const db = { confirmReads: options.confirmReads ?? (async () => {}) };
  const known = options.known ?? { sourceSeq: 0 };
  const snapshot = snapshotStubs(known);
  const ids = ulidIds(systemClock);
  const interceptors = [
    observeInterceptor({ logger, metrics }),
    contextInterceptor({
      authenticate: (headers) => ({ tenant: headers.get('x-test-tenant') ?? 'default', actor: 'test' }),
      hopSecret: 'secret',
      ids,
    }),
    validateInterceptor(),
  ];
  const routes: Parameters<typeof createRouterTransport>[0] = (router) => {
    snapshot(router);
    const pace = { heartbeatMs: options.heartbeatMs ?? 60_000, undecidedMs: options.undecidedMs ?? 60_000 };
    const watch = watchEvents({ hub, db, directory, clock: systemClock, metrics, stopping: stopping.signal, pace });
    router.service(EventService, { watchEvents: watch });
  };
  const directory = createDirectory({ routes, interceptors, hopSecret: 'secret' });
  const transport = createRouterTransport(routes, { router: { interceptors } });
  const client = createClient(EventService, transport);
  return {
    log,
    hub,
    metrics,
    known,
    routes,
    directory,
    interceptors,
    stop: () => stopping.abort(),
    /** Opens a stream and waits for its first response. */
    watch: async (request: MessageInitShape<typeof WatchEventsRequestSchema> = {}, tenant = 'default') => {
      const gone = new AbortController();
      const responses = client.watchEvents(request, { headers: { 'x-test-tenant': tenant }, signal: gone.signal });
      return openStream(responses[Symbol.asyncIterator](), gone);
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await hub[Symbol.asyncDispose]();
    },
  };
}

type Responses = AsyncIterator<WatchEventsResponse>;

async function openStream(responses: Responses, gone: AbortController) {
  const next = async (): Promise<Seen> => {
    const { done, value } = await responses.next();
    if (done) return { what: 'end', cursor: '', value: undefined };
    const { kind, cursor } = value;
    const what = kind.case === 'event' ? kind.value.eventId : (kind.case ?? '');
    return { what, cursor, value: kind.value };
  };
  const first = await next();
  return {
    first,
    next,
    /** The next events' ids, heartbeats left out. */
    take: async (count: number): Promise<string[]> => {
      const seen: string[] = [];
      while (seen.length < count) {
        const { what } = await next();
        if (what !== 'heartbeat') seen.push(what);
      }
      return seen;
    },
    close: () => gone.abort(),
    [Symbol.dispose]: () => gone.abort(),
  };
}

function snapshotStubs(known: KnownSession) {
  return (router: Parameters<Parameters<typeof createRouterTransport>[0]>[0]): void => {
    router.service(SessionService, {
      getSession: async ({ sessionId }) => {
        if (sessionId !== 'ses_known') throw refuse(ErrorReason.SESSION_NOT_FOUND, 'none', { session_id: sessionId });
        return { session: { sessionId, sessionName: sessionId, sourceSeq: known.sourceSeq, version: 7 } };
      },
    });
    router.service(TaskService, {
      getSessionTasks: async () => ({
        tasks: [{ taskId: 'tsk_1', sendContent: 'SECRET' }],
        sourceSeq: known.tasksSeq ?? 0,
      }),
    });
    router.service(MessageService, { getSessionMessages: async () => ({ messageCount: 3 }) });
    router.service(HandoverService, { getSessionHandover: async () => ({}) });
  };
}
