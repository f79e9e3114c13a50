import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { gatewayModule } from '../services/gateway/module.ts';
import { handoverModule } from '../services/handover/module.ts';
import type { Authenticate } from '../services/lib/interceptors/context.ts';
import { loadConfig } from '../services/lib/load-config.ts';
import { createLogger } from '../services/lib/log.ts';
import { type Placement, placeModules } from '../services/lib/placement.ts';
import { type RunningProcess, startProcess } from '../services/lib/process.ts';
import { messageAnalysisModule } from '../services/message-analysis/module.ts';
import { sessionModule } from '../services/session/module.ts';
import { taskDispatchModule } from '../services/task-dispatch/module.ts';
import { TestClock } from './clock.ts';
import { type RestClient, restClient } from './rest-client.ts';
import { type NatsServer, nats, type RedisServer, redis } from './servers.ts';
import { chooseAddresses, services } from './split.ts';
import { createDatabase, stackAvailable } from './stack.ts';

export const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

/** `embedded`: SQLite in memory. `servers`: MariaDB, Redis and NATS of its own. `split`: these, and two processes a service. */
export type BackendName = 'embedded' | 'servers' | 'split';

/** The backends that this machine can run; the missing ones are announced loudly by the global set-up. */
export const backendNames: readonly BackendName[] = stackAvailable ? ['embedded', 'servers', 'split'] : ['embedded'];

/** The whole system on ports of its own. */
export interface World extends AsyncDisposable {
  /** The process that answers callers; when split, one of the gateways. */
  readonly process: RunningProcess;
  readonly clock: TestClock;
  /** REST as the default tenant; when split, in turn at each gateway. */
  readonly rest: RestClient;
  /** REST as another tenant. */
  restAs(tenant: string): RestClient;
  /** A gRPC client over the network. */
  rpc<S extends DescService>(service: S, tenant?: string): Client<S>;
  readonly rpcUrl: string;
  /** The servers behind it; undefined when embedded. */
  readonly redis?: RedisServer;
  readonly nats?: NatsServer;
}

export interface WorldOptions {
  /** What differs from the default environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Takes the tenant from a header: stands in for API keys where none are configured. */
const tenantFromHeader: Authenticate = (headers) => ({
  tenant: headers.get('x-test-tenant') ?? 'default',
  actor: headers.get('x-test-actor') ?? 'anonymous',
});

/** Starts a world; `await using` stops it with everything in it. */
export async function startWorld(backend: BackendName, options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const servers = backend === 'embedded' ? undefined : await startServers(stack);
  const env = {
    AUTOSESSION_HTTP_PORT: '0',
    AUTOSESSION_RPC_PORT: '0',
    AUTOSESSION_DATA_DIR: ':memory:',
    AUTOSESSION_MAX_WAIT_MS: '60000', // the machine may be busy with other tests
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    ...servers?.env,
    ...options.env,
  };
  const clock = new TestClock();
  const start = async (placement: Placement, its: Record<string, string> = {}) => {
    const config = loadConfig({ ...env, ...its }, placement);
    const byHeader = placement.local.includes(gatewayModule) && config.apiKeys.length === 0;
    const outside = byHeader ? { authenticate: tenantFromHeader } : {};
    const logger = createLogger(config.logLevel);
    return stack.use(await startProcess(config, placement, { clock, logger, ...outside }));
  };
  const entries = backend === 'split' ? await startSplit(start) : [await start(placeModules(modules))];
  const [entry] = entries as [RunningProcess];
  const rpcUrl = `http://127.0.0.1:${entry.rpcPort}`;
  const owned = stack.move();
  const restAs = (tenant: string) =>
    inTurn(entries.map(({ httpPort }) => restClient(`http://127.0.0.1:${httpPort}`, { 'x-test-tenant': tenant })));
  return {
    process: entry,
    clock,
    rest: restAs('default'),
    restAs,
    rpc: (service, tenant) => rpcClient(rpcUrl, service, tenant),
    rpcUrl,
    redis: servers?.redis,
    nats: servers?.nats,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Two processes of every service; returns those of the gateway. */
async function startSplit(
  start: (placement: Placement, env: Record<string, string>) => Promise<RunningProcess>,
): Promise<RunningProcess[]> {
  const { rpcPorts, env } = await chooseAddresses(2);
  const started = services.map((name) =>
    rpcPorts[name].map((port) => start(placeModules(modules, name), { ...env, AUTOSESSION_RPC_PORT: String(port) })),
  );
  await Promise.all(started.flat());
  return Promise.all(started[services.indexOf('gateway')] ?? []);
}

/** A client that sends each request to the next of several. */
function inTurn(clients: readonly RestClient[]): RestClient {
  let turn = 0;
  const next = () => clients[turn++ % clients.length] as RestClient;
  return {
    baseUrl: next().baseUrl,
    get: (...args) => next().get(...args),
    post: (...args) => next().post(...args),
    send: (...args) => next().send(...args),
    ok: (...args) => next().ok(...args),
    stream: (...args) => next().stream(...args),
  };
}

async function startServers(stack: AsyncDisposableStack) {
  const [mysqlUrl, redisServer, natsServer] = await Promise.all([createDatabase(), redis(), nats()]);
  stack.use(redisServer);
  stack.use(natsServer);
  const env = { MYSQL_URL: mysqlUrl, REDIS_URL: redisServer.url, NATS_URL: natsServer.url };
  return { env, redis: redisServer, nats: natsServer };
}

function rpcClient<S extends DescService>(baseUrl: string, service: S, tenant = 'default'): Client<S> {
  const transport = createGrpcTransport({
    baseUrl,
    interceptors: [
      (next) => (request) => {
        request.header.set('x-test-tenant', tenant);
        return next(request);
      },
    ],
  });
  return createClient(service, transport);
}
