import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { EventService } from '../gen/autosession/event/v1/event_service_pb.js';
import { TaskService } from '../gen/autosession/task/v1/task_service_pb.js';
import { systemClock } from '../services/lib/clock.ts';
import { ulidIds } from '../services/lib/ids.ts';
import { anonymous, contextInterceptor } from '../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../services/lib/interceptors/observe.ts';
import { createLogger } from '../services/lib/log.ts';
import { createMetrics } from '../services/lib/metrics.ts';
import { healthRoutes } from '../services/lib/server/health.ts';
import { listenRpc } from '../services/lib/server/rpc-server.ts';
import { type Cuttable, cuttable } from './cuttable.ts';

/** The secret by which the instances know each other. */
export const HOP_SECRET = 'peers';

/** What a test has its instances do; each RPC answers with the instance's name in its first field. */
export interface Work {
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
  readonly wire: Cuttable;
  /** What its health service says. */
  serving: boolean;
  /** Stops as a process does on SIGTERM. */
  stop(): Promise<void>;
}

/** Starts an instance. */
export async function peerInstance(name: string, work: Work = {}): Promise<PeerInstance> {
  const stopping = new AbortController();
  const state = { serving: true };
  const health = healthRoutes([TaskService, EventService], async () => state.serving, stopping.signal);
  const server = await listenRpc({
    routes: (router) => {
      health(router);
      serve(router, name, work);
    },
    interceptors: [
      observeInterceptor({ logger: createLogger('silent'), metrics: createMetrics(false) }),
      contextInterceptor({ authenticate: anonymous, hopSecret: HOP_SECRET, ids: ulidIds(systemClock) }),
    ],
    hopSecret: HOP_SECRET,
    host: '127.0.0.1',
    port: 0,
  });
  const wire = await cuttable(server.port);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopping.abort();
    stopped ??= server.close(1_000).then(() => wire.cut());
    return stopped;
  };
  return Object.assign(state, {
    address: `http://127.0.0.1:${wire.port}`,
    wire,
    stop,
    [Symbol.asyncDispose]: stop,
  });
}

function serve(router: ConnectRouter, name: string, work: Work): void {
  router.service(TaskService, {
    getTask: async (_, context) => {
      await work.getTask?.(name, context);
      return { task: { taskId: name } };
    },
    claimNextTask: async (_, context) => {
      await work.claimNextTask?.(name, context);
      return { taskId: name };
    },
  });
  router.service(EventService, {
    async *watchEvents(_, context) {
      yield { cursor: name };
      await work.watchEvents?.(name, context);
    },
  });
}
