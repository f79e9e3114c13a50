import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { allowAnonymous } from '../../../services/lib/auth/identity.ts';
import { healthRoutes } from '../../../services/lib/http/rpc/health.ts';
import { listenRpc } from '../../../services/lib/http/server/rpc-server.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { systemClock } from '../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import { startTcpProxy, type TcpProxy } from '../servers/tcp-proxy.ts';

/** The secret by which the instances know each other. */
export const INTERNAL_SECRET = 'peers';

/** What a test has its instances do; each RPC answers with the instance's name in its first field. */
export interface PeerHandlers {
  /** A read. */
  getTask?(name: string, context: HandlerContext): Promise<void> | void;
  /** What may not run twice. */
  claimNextTask?(name: string, context: HandlerContext): Promise<void> | void;
  /** A stream; it sends the name and then waits for this. */
  watchEvents?(name: string, context: HandlerContext): Promise<void> | void;
}

/** A process that serves some services, on a port that can be cut. */
export interface PeerInstance extends AsyncDisposable {
  readonly address: string;
  readonly wire: TcpProxy;
  /** What its health service says. */
  serving: boolean;
  /** Stops as a process does on SIGTERM. */
  stop(): Promise<void>;
}

/** Starts an instance. */
export async function startPeerInstance(name: string, handlers: PeerHandlers = {}): Promise<PeerInstance> {
  const stopping = new AbortController();
  const state = { serving: true };
  const health = healthRoutes([TaskService, EventService], async () => state.serving, stopping.signal);
  const server = await listenRpc({
    routes: (router) => {
      health(router);
      serve(router, name, handlers);
    },
    interceptors: [
      observeInterceptor({ logger: createLogger('silent'), metrics: createMetrics(false) }),
      contextInterceptor({
        authenticate: allowAnonymous,
        internalSecret: INTERNAL_SECRET,
        ids: createUlidGenerator(systemClock),
      }),
    ],
    internalSecret: INTERNAL_SECRET,
    host: '127.0.0.1',
    port: 0,
  });
  const wire = await startTcpProxy(server.port);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopping.abort();
    stopped ??= server.close(1_000).then(() => wire.disconnect());
    return stopped;
  };
  return Object.assign(state, {
    address: `http://127.0.0.1:${wire.port}`,
    wire,
    stop,
    [Symbol.asyncDispose]: stop,
  });
}

function serve(router: ConnectRouter, name: string, handlers: PeerHandlers): void {
  router.service(TaskService, {
    getTask: async (_, context) => {
      await handlers.getTask?.(name, context);
      return { task: { taskId: name } };
    },
    claimNextTask: async (_, context) => {
      await handlers.claimNextTask?.(name, context);
      return { taskId: name };
    },
  });
  router.service(EventService, {
    async *watchEvents(_, context) {
      yield { cursor: name };
      await handlers.watchEvents?.(name, context);
    },
  });
}
