import { randomBytes } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, Interceptor, Transport } from '@connectrpc/connect';
import { type AccessPolicy, resolveAccessPolicy } from '../auth/access-policy.ts';
import type { Authenticate } from '../auth/identity.ts';
import type { Config } from '../config/config.ts';
import { migrate } from '../db/migrations/migrate.ts';
import { DatabaseHealth } from '../db/probe/database-health.ts';
import { probeDatabase } from '../db/probe/probe-database.ts';
import { AdmissionController } from '../http/admission/admission-controller.ts';
import { BodyReader } from '../http/admission/body-reader.ts';
import type { LoadShedding } from '../http/admission/load-shedding.ts';
import { ConnectionLimit } from '../http/connections/connection-limit.ts';
import { healthRoutes } from '../http/rpc/health.ts';
import { reflectionRoutes } from '../http/rpc/reflection.ts';
import { listenHttp } from '../http/server/http-server.ts';
import { reservePorts } from '../http/server/reserve-ports.ts';
import { listenRpc } from '../http/server/rpc-server.ts';
import { contextInterceptor } from '../interceptors/context.ts';
import { durableResponsesInterceptor } from '../interceptors/durable-responses.ts';
import { observeInterceptor } from '../interceptors/observe.ts';
import { type RequestGate, requestGate } from '../interceptors/request-gate.ts';
import { validateInterceptor } from '../interceptors/validate.ts';
import { Outbox } from '../messaging/outbox/outbox.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { createMetrics, type Metrics, registerSqlMetrics } from '../observability/metrics.ts';
import { RefusedCallLog } from '../observability/refused-call-log.ts';
import { peerTransport } from '../rpc/peer-transport.ts';
import { proxyRoutes } from '../rpc/rpc-proxy.ts';
import type { ServiceClients } from '../rpc/service-clients.ts';
import { createServiceClients } from '../rpc/service-clients.ts';
import { type Backends, openBackends } from './backends.ts';
import { startBackground } from './background.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Deployment } from './deployment.ts';
import { armFailpointsFromText } from './failpoints.ts';
import { createUlidGenerator, type IdGenerator } from './id-generator.ts';
import type { Deps, Module, RunningModule } from './module.ts';

/** How long requests under way at the stop, and the events that they cause, may take before they are aborted. */
const GRACE_MS = 8_000;
/** How long events may take in any case, however long the requests took. */
const MIN_DRAIN_MS = 1_000;

/** Replacements for tests. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: IdGenerator<string>;
  readonly logger?: Logger;
  readonly authenticate?: Authenticate;
  readonly backends?: Backends;
}

/** A process that serves; disposing it stops it within 10 s. */
export interface RunningProcess extends AsyncDisposable {
  readonly httpPort: number;
  readonly rpcPort: number;
  /** The backends and their durability, as text. */
  readonly description: string;
  /** The accepted callers, as text. */
  readonly accessDescription: string;
  readonly deps: Deps;
  readonly clients: ServiceClients;
}

/**
 * Starts the modules in this process: reserves its ports, opens the backends, migrates and probes the database, opens the ports,
 * starts the relay, the consumers and the loops. When a step fails it throws, with everything closed again.
 */
export async function startProcess(
  config: Config,
  { local: modules, remote }: Pick<Deployment, 'local' | 'remote'>,
  overrides: Overrides = {},
): Promise<RunningProcess> {
  if (config.failpoints) armFailpointsFromText(config.failpoints);
  const stack = new AsyncDisposableStack();
  try {
    const stop = new AbortController();
    const reservation = stack.use(await reservePorts(config));
    const { deps, description, accessPolicy } = await openDeps(config, modules, overrides, stop.signal, stack);
    const databaseHealth = stack.use(new DatabaseHealth(deps.db, deps.logger));
    const peers = connectPeers(deps, remote, stack);
    const started = await startModules(deps, modules, peers, stack);
    const { clients, running } = started;
    const background = stack.use(startBackground(deps, modules, running));
    const { sameOriginOnly, corsOrigins } = accessPolicy;
    const loadShedding = modules.some(({ exposes }) => exposes) ? createLoadShedding(deps) : undefined;
    await reservation[Symbol.asyncDispose]();
    const ports = await listen(
      deps,
      { ...started, sameOriginOnly, corsOrigins, loadShedding, databaseHealth },
      stop.signal,
    );
    stack.defer(async () => {
      stop.abort();
      const stopStartedAt = performance.now();
      // the modules' loops end here; their handlers keep working for the consumers
      await Promise.all([
        ...ports.map((port) => port.close(GRACE_MS)),
        ...running.map((module) => module[Symbol.asyncDispose]()),
      ]);
      const left = Math.max(GRACE_MS - (performance.now() - stopStartedAt), MIN_DRAIN_MS);
      await background.drain(AbortSignal.timeout(Math.round(left)));
    });
    const [http, rpc] = ports;
    const closing = stack.move();
    let closed: Promise<void> | undefined;
    const dispose = () => {
      closed ??= closing.disposeAsync();
      return closed;
    };
    return {
      httpPort: http.port,
      rpcPort: rpc.port,
      description,
      accessDescription: accessPolicy.description,
      deps,
      clients,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function openDeps(
  config: Config,
  modules: readonly Module[],
  overrides: Overrides,
  stopping: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<{ deps: Deps; description: string; accessPolicy: AccessPolicy }> {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? createUlidGenerator(clock);
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const metrics: Metrics = createMetrics();
  const backends = overrides.backends ?? (await openBackends(config, { clock, logger }));
  stack.use(backends);
  const { db, log, queue } = backends;
  registerSqlMetrics(metrics, db.backend.stats);
  const ran = await migrate(db, [...backends.migrations, ...modules.flatMap((m) => m.migrations ?? [])], clock.now());
  if (ran.length > 0) logger.info({ event: 'migrated', steps: ran.length }, `${ran.length} migrations applied`);
  logger.debug({ event: 'migrations', steps: ran });
  await probeDatabase(db);
  const outbox = new Outbox(clock, ids);
  const servesExternalCallers = modules.some(({ exposes }) => exposes);
  const accessPolicy = resolveAccessPolicy(config, servesExternalCallers);
  const authenticate = overrides.authenticate ?? accessPolicy.authenticate;
  const deps: Deps = { config, db, outbox, log, queue, clock, ids, logger, metrics, authenticate, stopping };
  return { deps, description: backends.description, accessPolicy };
}

/** A transport to every service that runs elsewhere. */
function connectPeers({ config, logger }: Deps, remote: readonly Module[], stack: AsyncDisposableStack) {
  return new Map<DescService, Transport>(
    remote.flatMap(({ name, provides }) => {
      const transport = stack.use(peerTransport({ addresses: config.peers[name] ?? [], logger }));
      return provides.map((service): [DescService, Transport] => [service, transport]);
    }),
  );
}

async function startModules(
  deps: Deps,
  modules: readonly Module[],
  remote: ReadonlyMap<DescService, Transport>,
  stack: AsyncDisposableStack,
) {
  const internalSecret = deps.config.internalSecret ?? randomBytes(24).toString('hex');
  const { authenticate, ids, logger, metrics } = deps;
  const refusedCalls = new RefusedCallLog(logger);
  const interceptors: Interceptor[] = [
    observeInterceptor({ logger, metrics, refusedCalls }),
    contextInterceptor({ authenticate, internalSecret, ids }),
    validateInterceptor(),
    durableResponsesInterceptor(deps.db),
  ];
  const gate = requestGate({ authenticate, internalSecret, ids, logger, metrics, refusedCalls });
  const running: RunningModule[] = [];
  const moduleRoutes = (router: ConnectRouter) => {
    for (const module of running) module.routes(router);
  };
  const clients = createServiceClients({ routes: moduleRoutes, interceptors, internalSecret, remote });
  for (const module of modules) running.push(stack.use(await module.start(deps, clients)));
  const proxiedServices = modules.flatMap((module) => module.exposes ?? []).filter((service) => remote.has(service));
  const registerProxyRoutes = proxyRoutes(
    proxiedServices,
    running.find(({ proxyClients }) => proxyClients)?.proxyClients ?? clients,
  );
  const routes = (router: ConnectRouter) => {
    moduleRoutes(router);
    registerProxyRoutes(router);
  };
  const services = [...modules.flatMap((module) => module.provides), ...proxiedServices];
  return { clients, running, routes, interceptors, gate, services, internalSecret };
}

/** Load shedding for external requests, shared by both ports: a process has one event loop. */
function createLoadShedding({ config, metrics }: Deps): LoadShedding {
  const controller = new AdmissionController({
    maxConcurrent: config.maxRequests,
    maxQueued: config.maxWaiting,
    maxQueueMs: config.maxWaitMs,
  });
  return { controller, metrics };
}

async function listen(
  deps: Deps,
  what: {
    running: readonly RunningModule[];
    services: readonly DescService[];
    routes: (router: ConnectRouter) => void;
    interceptors: Interceptor[];
    gate: RequestGate;
    internalSecret: string;
    sameOriginOnly: boolean;
    corsOrigins: readonly string[];
    loadShedding?: LoadShedding;
    databaseHealth: DatabaseHealth;
  },
  stopping: AbortSignal,
) {
  const {
    running,
    services,
    interceptors,
    gate,
    internalSecret,
    sameOriginOnly,
    corsOrigins,
    loadShedding,
    databaseHealth,
  } = what;
  const bodyReader = new BodyReader();
  const { maxConnectionsPerAddress, maxStreamsPerConnection: maxStreams } = deps.config;
  const connectionLimit = new ConnectionLimit(maxConnectionsPerAddress, deps);
  const readiness = async () => {
    const [database, log, queue] = await Promise.all([databaseHealth.fault(), deps.log.fault(), deps.queue.fault()]);
    return { database, event_log: log, queue };
  };
  const health = healthRoutes(services, async () => (await databaseHealth.fault()) === undefined, stopping);
  const routes = (router: ConnectRouter) => {
    health(router);
    what.routes(router);
  };
  const { host, httpPort, rpcPort } = deps.config;
  const addRoutes = async (app: Parameters<NonNullable<RunningModule['http']>>[0]) => {
    for (const module of running) await module.http?.(app);
  };
  const http = await listenHttp({
    routes,
    services,
    interceptors,
    gate,
    bodyReader,
    connectionLimit,
    addRoutes,
    sameOriginOnly,
    corsOrigins,
    isPageRequest: (method, path) => running.some((module) => module.isPageRequest?.(method, path)),
    loadShedding,
    readiness,
    metrics: deps.metrics,
    ids: deps.ids,
    logger: deps.logger,
    host,
    port: httpPort,
    stopping,
  });
  const reflection = reflectionRoutes(services);
  const rpc = await listenRpc({
    routes: (router) => {
      routes(router);
      reflection(router);
    },
    services,
    interceptors,
    gate,
    bodyReader,
    connectionLimit,
    maxStreams,
    sameOriginOnly,
    loadShedding,
    internalSecret,
    ids: deps.ids,
    logger: deps.logger,
    host,
    port: rpcPort,
  }).catch(async (error) => {
    await http.close(0);
    throw error;
  });
  return [http, rpc] as const;
}
