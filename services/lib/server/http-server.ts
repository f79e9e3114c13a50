import type { AddressInfo } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { type FastifyInstance, type FastifyListenOptions, fastify } from 'fastify';
import type { RequestGate } from '../interceptors/gate.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { BODY_TIMEOUT_MS, BodyIntake } from './body-intake.ts';
import type { ConnectionLimit } from './connection-limit.ts';
import { type Connections, httpConnections } from './connections.ts';
import { containBrokenRequests } from './contain-errors.ts';
import { allowOrigins } from './cors.ts';
import { type Address, canHaveDoors, openDoors } from './doors.ts';
import { type WorkGuard, waitingPaths } from './guard-work.ts';
import { assertHost } from './host-header.ts';
import { limitHttp1 } from './http1-timeouts.ts';
import { assertOneHost } from './one-host.ts';
import { assertOwnPage } from './origin-guard.ts';
import { answerParserError, answerUnsupportedRequests } from './parser-errors.ts';
import { receiveRest } from './receive-rest.ts';
import { addRpcs, rpcHandlers } from './rpc-handlers.ts';
import { type ListeningServer, portError, RPC_BODY_BYTES } from './rpc-server.ts';

/** The time that a connection has for the headers of a request; a body that no handler reads has the rest of both times. */
const HEADERS_TIMEOUT_MS = 10_000;

/** The dependencies of a process, each with the reason why it does not work; undefined when it does. */
export type Readiness = () => Promise<Readonly<Record<string, string | undefined>>>;

/** REST and SSE as the modules add them, Connect and gRPC-Web for browsers, health and metrics; HTTP/1.1. */
export async function listenHttp(options: {
  routes: (router: ConnectRouter) => void;
  /** The services of the routes. */
  services?: readonly DescService[];
  interceptors: Interceptor[];
  /** Runs before the interceptors, and before anything of a request is parsed. */
  gate?: RequestGate;
  intake?: BodyIntake;
  connectionLimit?: ConnectionLimit;
  addRoutes: (app: FastifyInstance) => Promise<void>;
  /** Absent where only the installation's own services call. */
  work?: WorkGuard;
  /** Whether to refuse what pages of other sites make a browser send. */
  ownPagesOnly: boolean;
  /** Origins whose pages may read answers. */
  corsOrigins?: readonly string[];
  readiness: Readiness;
  metrics: Metrics;
  logger?: Logger;
  host: string;
  port: number;
  stopping: AbortSignal;
}): Promise<ListeningServer> {
  const { services = [], intake = new BodyIntake(), work } = options;
  const origins = new Set(options.corsOrigins);
  const app: FastifyInstance = fastify({
    clientErrorHandler: (error, socket) => answerParserError(app, error, socket),
    frameworkErrors: (error, request, reply) => {
      allowOrigins(origins, request, reply); // these requests skip all hooks
      return app.errorHandler(error, request, reply);
    },
    routerOptions: { maxParamLength: 1_000 },
    return503OnClosing: false,
    keepAliveTimeout: 72_000,
    requestTimeout: HEADERS_TIMEOUT_MS + BODY_TIMEOUT_MS,
    http: {
      requireHostHeader: false, // assertHost checks it, with exceptions
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
  });
  const connections = httpConnections(app.server);
  limitHttp1(app.server);
  containBrokenRequests(app.server);
  options.connectionLimit?.guard(app.server, 'http');
  answerUnsupportedRequests(app);
  app.addHook('onRequest', async (request, reply) => {
    if (allowOrigins(origins, request, reply)) return reply.send();
    const { raw } = request;
    assertOneHost(raw);
    assertHost(raw);
    if (options.ownPagesOnly) assertOwnPage(raw.headers);
  });
  receiveRest(app, intake, work);
  addHealth(app, options.readiness, options.stopping);
  app.get('/metrics', async (_request, reply) => {
    reply.type(options.metrics.registry.contentType);
    return options.metrics.registry.metrics();
  });
  await options.addRoutes(app);
  // after the modules: refused RPCs use the error handler that is set by then
  const reception = { intake, work, port: 'http' as const, waiting: waitingPaths(services) };
  const handlers = rpcHandlers({ ...options, reception, readMaxBytes: RPC_BODY_BYTES, grpc: false });
  await addRpcs(app, handlers, options.logger);
  const closeDoors = await listen(app, options).catch((error) => {
    throw portError(error, 'AUTOSESSION_HTTP_PORT', options);
  });
  return {
    port: (app.server.address() as AddressInfo).port,
    close: (graceMs) => closeApp(app, closeDoors, connections, graceMs),
  };
}

/** Where work is bounded, its callers come in by many doors. Resolves to what closes them. */
async function listen(
  app: FastifyInstance,
  { host, port, work }: Address & { work?: WorkGuard },
): Promise<() => Promise<unknown>> {
  const reusePort = work !== undefined && (await canHaveDoors({ host, port }));
  const listening: FastifyListenOptions & { reusePort: boolean } = { host, port, reusePort };
  await app.listen(listening);
  return reusePort ? openDoors(app.server) : async () => {};
}

/** `/livez`: the process runs. `/readyz`: it can serve; the database decides, the rest is told. */
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
  closeDoors: () => Promise<unknown>,
  connections: Connections,
  graceMs: number,
): Promise<void> {
  using _closing = connections.closeIdle(graceMs);
  await Promise.all([app.close(), closeDoors()]);
}
