import type { AddressInfo } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { type FastifyInstance, type FastifyListenOptions, type FastifyRequest, fastify } from 'fastify';
import type { RequestGate } from '../../interceptors/request-gate.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createUlidGenerator, type IdGenerator } from '../../runtime/id-generator.ts';
import { BODY_TIMEOUT_MS, BodyReader } from '../admission/body-reader.ts';
import { type LoadShedding, longPollPaths } from '../admission/load-shedding.ts';
import { admitRestRequests } from '../admission/rest-admission.ts';
import type { ConnectionLimit } from '../connections/connection-limit.ts';
import { type ConnectionTracker, trackHttpConnections } from '../connections/connection-tracker.ts';
import { applyHttp1Timeouts } from '../connections/http1-timeouts.ts';
import { registerRpcHandlers, rpcHandlers } from '../rpc/rpc-handlers.ts';
import { applyCors } from '../security/cors.ts';
import { assertValidHost } from '../security/host-header.ts';
import { assertSameOrigin } from '../security/origin-guard.ts';
import { assertSingleHost } from '../security/single-host.ts';
import { containBrokenRequests } from './contain-errors.ts';
import { type ListenAddress, openListeners, supportsReusePort } from './listener-sockets.ts';
import { type ListeningServer, portError } from './listening-server.ts';
import { respondToParserError, respondToUnsupportedRequests } from './parser-errors.ts';
import { MAX_RPC_BODY_BYTES } from './rpc-server.ts';

/** The time that a connection has for the headers of a request; a body that no handler reads has the rest of both times. */
const HEADERS_TIMEOUT_MS = 10_000;

/** The dependencies of a process, each with the reason why it does not work; undefined when it does. */
export type Readiness = () => Promise<Readonly<Record<string, string | undefined>>>;

const NO_ORIGINS: ReadonlySet<string> = new Set();

/** The HTTP/1.1 port: REST and SSE routes of the modules, Connect and gRPC-Web for browsers, health and metrics. */
export async function listenHttp(options: {
  routes: (router: ConnectRouter) => void;
  /** The services of the routes. */
  services?: readonly DescService[];
  interceptors: Interceptor[];
  /** Runs before the interceptors, and before anything of a request is parsed. */
  gate?: RequestGate;
  bodyReader?: BodyReader;
  connectionLimit?: ConnectionLimit;
  addRoutes: (app: FastifyInstance) => Promise<void>;
  /** Absent where only the installation's own services call. */
  loadShedding?: LoadShedding;
  /** Whether to refuse requests that pages of other sites make a browser send. */
  sameOriginOnly: boolean;
  /** Origins whose pages may read answers. */
  corsOrigins?: readonly string[];
  /** The requests that these pages may make although `sameOriginOnly` is set. */
  isPageRequest?: (method: string, path: string) => boolean;
  readiness: Readiness;
  metrics: Metrics;
  /** Makes the ids of requests that reach no interceptor. */
  ids?: IdGenerator;
  logger?: Logger;
  host: string;
  port: number;
  stopping: AbortSignal;
}): Promise<ListeningServer> {
  const {
    services = [],
    bodyReader = new BodyReader(),
    loadShedding,
    ids = createUlidGenerator(systemClock),
  } = options;
  const allOrigins = new Set(options.corsOrigins);
  const originsFor = ({ url, method, headers }: FastifyRequest) => {
    const asked = method === 'OPTIONS' ? (headers['access-control-request-method'] ?? method) : method;
    return !options.sameOriginOnly || options.isPageRequest?.(asked, pathOf(url)) ? allOrigins : NO_ORIGINS;
  };
  const app: FastifyInstance = fastify({
    clientErrorHandler: (error, socket) => respondToParserError(app, error, socket, ids),
    frameworkErrors: (error, request, reply) => {
      applyCors(originsFor(request), request, reply); // these requests skip all hooks
      return app.errorHandler(error, request, reply);
    },
    routerOptions: { maxParamLength: 1_000 },
    return503OnClosing: false,
    keepAliveTimeout: 72_000,
    requestTimeout: HEADERS_TIMEOUT_MS + BODY_TIMEOUT_MS,
    http: {
      requireHostHeader: false, // assertValidHost checks it, with exceptions
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
  });
  const connections = trackHttpConnections(app.server);
  applyHttp1Timeouts(app.server);
  containBrokenRequests(app.server);
  options.connectionLimit?.attach(app.server, 'http');
  respondToUnsupportedRequests(app, ids);
  app.addHook('onRequest', async (request, reply) => {
    const origins = originsFor(request);
    if (applyCors(origins, request, reply)) return reply.send();
    const { raw } = request;
    assertSingleHost(raw);
    assertValidHost(raw);
    if (options.sameOriginOnly) {
      const { host, origin } = raw.headers;
      assertSameOrigin(origin !== undefined && origins.has(origin) ? { host } : raw.headers);
    }
  });
  admitRestRequests(app, bodyReader, loadShedding);
  addHealth(app, options.readiness, options.stopping);
  app.get('/metrics', async (_request, reply) => {
    reply.type(options.metrics.registry.contentType);
    return options.metrics.registry.metrics();
  });
  await options.addRoutes(app);
  // after the modules: refused RPCs use the error handler that is set by then
  const admission = { bodyReader, loadShedding, port: 'http' as const, longPollPaths: longPollPaths(services) };
  const handlers = rpcHandlers({ ...options, ids, admission, readMaxBytes: MAX_RPC_BODY_BYTES, grpc: false });
  await registerRpcHandlers(app, handlers, options.logger);
  const closeListeners = await listen(app, options).catch((error) => {
    throw portError(error, 'AUTOSESSION_HTTP_PORT', options);
  });
  return {
    port: (app.server.address() as AddressInfo).port,
    close: (graceMs) => closeApp(app, closeListeners, connections, graceMs),
  };
}

/** A request's path without its query. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}

/** Listens; with load shedding through several sockets. Resolves to a function that closes the additional ones. */
async function listen(
  app: FastifyInstance,
  { host, port, loadShedding }: ListenAddress & { loadShedding?: LoadShedding },
): Promise<() => Promise<unknown>> {
  const reusePort = loadShedding !== undefined && (await supportsReusePort({ host, port }));
  const listening: FastifyListenOptions & { reusePort: boolean } = { host, port, reusePort };
  await app.listen(listening);
  return reusePort ? openListeners(app.server) : async () => {};
}

/** `/livez`: the process runs. `/readyz`: it can serve; only the database decides, other faults are reported. */
function addHealth(app: FastifyInstance, readiness: Readiness, stopping: AbortSignal): void {
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const faults = Object.entries(await readiness());
    const reasons = Object.fromEntries(faults.filter(([, fault]) => fault !== undefined));
    if (stopping.aborted) reasons.process = 'stopping';
    const ready = reasons.database === undefined && reasons.process === undefined;
    const degraded = Object.keys(reasons).length > 0;
    const checks = Object.fromEntries(faults.map(([name, fault]) => [name, fault === undefined]));
    reply.code(ready ? 200 : 503);
    const status = !ready ? 'unavailable' : degraded ? 'degraded' : 'ok';
    return { status, checks, ...(degraded && { reasons }) };
  });
}

async function closeApp(
  app: FastifyInstance,
  closeListeners: () => Promise<unknown>,
  connections: ConnectionTracker,
  graceMs: number,
): Promise<void> {
  using _closing = connections.closeIdle(graceMs);
  await Promise.all([app.close(), closeListeners()]);
}
