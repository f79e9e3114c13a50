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

/** The secret that the instances share. */
export const INTERNAL_SECRET = 'peers';

/** The behaviour of the instances; each RPC returns the instance's name in its first field. */
export interface PeerHandlers {
  /** A read-only RPC. */
  getTask?(name: string, context: HandlerContext): Promise<void> | void;
  /** An RPC that must not run twice. */
  claimNextTask?(name: string, context: HandlerContext): Promise<void> | void;
  /** A stream that sends the name and then waits for this. */
  watchEvents?(name: string, context: HandlerContext): Promise<void> | void;
}

/** An instance that serves some services behind a TCP proxy. */
export interface PeerInstance extends AsyncDisposable {
  readonly address: string;
  readonly proxy: TcpProxy;
  /** The status that its health service reports. */
  serving: boolean;
  /** Stops like a process on SIGTERM. */
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
  const proxy = await startTcpProxy(server.port);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopping.abort();
    stopped ??= server.close(1_000).then(() => proxy.disconnect());
    return stopped;
  };
  return Object.assign(state, {
    address: `http://127.0.0.1:${proxy.port}`,
    proxy,
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
