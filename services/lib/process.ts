import { randomBytes } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, Interceptor, Transport } from '@connectrpc/connect';
import { type Callers, callersOf } from './auth/callers.ts';
import { type Backends, openBackends } from './backends.ts';
import { startBackground } from './background.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { DatabaseHealth } from './db/health.ts';
import { migrate } from './db/migrate.ts';
import { probeDatabase } from './db/probe.ts';
import { createDirectory } from './directory.ts';
import { armFromText } from './failpoints.ts';
import { forwardRoutes } from './forward.ts';
import { type Ids, ulidIds } from './ids.ts';
import { type Authenticate, contextInterceptor } from './interceptors/context.ts';
import { durableAnswersInterceptor } from './interceptors/durable-answers.ts';
import { type RequestGate, requestGate } from './interceptors/gate.ts';
import { observeInterceptor } from './interceptors/observe.ts';
import { validateInterceptor } from './interceptors/validate.ts';
import { createLogger, type Logger } from './log.ts';
import { createMetrics, exposeSql, type Metrics } from './metrics.ts';
import type { Deps, Directory, Module, RunningModule } from './module.ts';
import { Outbox } from './outbox/outbox.ts';
import type { Placement } from './placement.ts';
import { RefusedCalls } from './refused-calls.ts';
import { peerTransport } from './rpc/peer-transport.ts';
import { BodyIntake } from './server/body-intake.ts';
import { ConnectionLimit } from './server/connection-limit.ts';
import type { WorkGuard } from './server/guard-work.ts';
import { healthRoutes } from './server/health.ts';
import { listenHttp } from './server/http-server.ts';
import { reflectionRoutes } from './server/reflection.ts';
import { reservePorts } from './server/reserve-ports.ts';
import { listenRpc } from './server/rpc-server.ts';
import { WorkLimit } from './server/work-limit.ts';

/** How long requests under way at the stop, and the events that they cause, may take before they are aborted. */
const GRACE_MS = 8_000;
/** How long events may take in any case, however long the requests took. */
const DRAIN_AT_LEAST_MS = 1_000;

/** What tests put in place of the real thing. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly logger?: Logger;
  readonly authenticate?: Authenticate;
  readonly backends?: Backends;
}

/** A process that serves; disposing it stops it within 10 s. */
export interface RunningProcess extends AsyncDisposable {
  readonly httpPort: number;
  readonly rpcPort: number;
  /** What it runs on and how durable that is, in words. */
  readonly description: string;
  /** Who may call it, in words. */
  readonly callers: string;
  readonly deps: Deps;
  readonly directory: Directory;
}

/**
 * Starts the modules in this process: reserves its ports, opens the backends, migrates and probes the database, opens the ports,
 * starts the relay, the consumers and the loops. When a step fails it throws, with everything closed again.
 */
export async function startProcess(
  config: Config,
  { local: modules, remote }: Pick<Placement, 'local' | 'remote'>,
  overrides: Overrides = {},
): Promise<RunningProcess> {
  if (config.failpoints) armFromText(config.failpoints);
  const stack = new AsyncDisposableStack();
  try {
    const stop = new AbortController();
    const reservation = stack.use(await reservePorts(config));
    const { deps, description, callers } = await openDeps(config, modules, overrides, stop.signal, stack);
    const databaseHealth = stack.use(new DatabaseHealth(deps.db, deps.logger));
    const peers = connectPeers(deps, remote, stack);
    const started = await startModules(deps, modules, peers, stack);
    const { directory, running } = started;
    const background = stack.use(startBackground(deps, modules, running));
    const { ownPagesOnly, corsOrigins } = callers;
    const work = modules.some(({ passesOn }) => passesOn) ? workGuard(deps) : undefined;
    await reservation[Symbol.asyncDispose]();
    const ports = await listen(deps, { ...started, ownPagesOnly, corsOrigins, work, databaseHealth }, stop.signal);
    stack.defer(async () => {
      stop.abort();
      const began = performance.now();
      // the modules' loops end here; their handlers keep working for the consumers
      await Promise.all([
        ...ports.map((port) => port.close(GRACE_MS)),
        ...running.map((module) => module[Symbol.asyncDispose]()),
      ]);
      const left = Math.max(GRACE_MS - (performance.now() - began), DRAIN_AT_LEAST_MS);
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
      callers: callers.description,
      deps,
      directory,
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
): Promise<{ deps: Deps; description: string; callers: Callers }> {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? ulidIds(clock);
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const metrics: Metrics = createMetrics();
  const backends = overrides.backends ?? (await openBackends(config, { clock, logger }));
  stack.use(backends);
  const { db, log, queue } = backends;
  exposeSql(metrics, db.backend.counts);
  const ran = await migrate(db, [...backends.migrations, ...modules.flatMap((m) => m.migrations ?? [])], clock.now());
  if (ran.length > 0) logger.info({ event: 'migrated', steps: ran.length }, `${ran.length} migrations applied`);
  logger.debug({ event: 'migrations', steps: ran });
  await probeDatabase(db);
  const outbox = new Outbox(clock, ids);
  const servesOutsiders = modules.some(({ passesOn }) => passesOn);
  const callers = callersOf(config, servesOutsiders);
  const authenticate = overrides.authenticate ?? callers.authenticate;
  const deps: Deps = { config, db, outbox, log, queue, clock, ids, logger, metrics, authenticate, stopping };
  return { deps, description: backends.description, callers };
}

/** A way to every service that runs elsewhere. */
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
  const hopSecret = deps.config.internalSecret ?? randomBytes(24).toString('hex');
  const { authenticate, ids, logger, metrics } = deps;
  const refused = new RefusedCalls(logger);
  const interceptors: Interceptor[] = [
    observeInterceptor({ logger, metrics, refused }),
    contextInterceptor({ authenticate, hopSecret, ids }),
    validateInterceptor(),
    durableAnswersInterceptor(deps.db),
  ];
  const gate = requestGate({ authenticate, hopSecret, ids, logger, metrics, refused });
  const running: RunningModule[] = [];
  const ofModules = (router: ConnectRouter) => {
    for (const module of running) module.routes(router);
  };
  const directory = createDirectory({ routes: ofModules, interceptors, hopSecret, remote });
  for (const module of modules) running.push(stack.use(await module.start(deps, directory)));
  const passedOn = modules.flatMap((module) => module.passesOn ?? []).filter((service) => remote.has(service));
  const forward = forwardRoutes(passedOn, running.find(({ passOn }) => passOn)?.passOn ?? directory);
  const routes = (router: ConnectRouter) => {
    ofModules(router);
    forward(router);
  };
  const services = [...modules.flatMap((module) => module.provides), ...passedOn];
  return { directory, running, routes, interceptors, gate, services, hopSecret };
}

/** What bounds the requests from outside, on both ports together: one process is one event loop. */
function workGuard({ config, metrics }: Deps): WorkGuard {
  const limit = new WorkLimit({ atOnce: config.maxRequests, waiting: config.maxWaiting, patienceMs: config.maxWaitMs });
  return { limit, metrics };
}

async function listen(
  deps: Deps,
  what: {
    running: readonly RunningModule[];
    services: readonly DescService[];
    routes: (router: ConnectRouter) => void;
    interceptors: Interceptor[];
    gate: RequestGate;
    hopSecret: string;
    ownPagesOnly: boolean;
    corsOrigins: readonly string[];
    work?: WorkGuard;
    databaseHealth: DatabaseHealth;
  },
  stopping: AbortSignal,
) {
  const { running, services, interceptors, gate, hopSecret, ownPagesOnly, corsOrigins, work, databaseHealth } = what;
  const intake = new BodyIntake();
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
    intake,
    connectionLimit,
    addRoutes,
    ownPagesOnly,
    corsOrigins,
    work,
    readiness,
    metrics: deps.metrics,
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
    intake,
    connectionLimit,
    maxStreams,
    ownPagesOnly,
    work,
    hopSecret,
    logger: deps.logger,
    host,
    port: rpcPort,
  }).catch(async (error) => {
    await http.close(0);
    throw error;
  });
  return [http, rpc] as const;
}
