import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { gatewayModule } from '../../services/gateway/module.ts';
import { handoverModule } from '../../services/handover/module.ts';
import type { Authenticate } from '../../services/lib/auth/identity.ts';
import { loadConfig } from '../../services/lib/config/load-config.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { type Deployment, resolveDeployment } from '../../services/lib/runtime/deployment.ts';
import { type RunningProcess, startProcess } from '../../services/lib/runtime/process.ts';
import { messageAnalysisModule } from '../../services/message-analysis/module.ts';
import { sessionModule } from '../../services/session/module.ts';
import { taskDispatchModule } from '../../services/task-dispatch/module.ts';
import { type RestClient, restClient } from './http/rest-client.ts';
import { reserveSplitAddresses, serviceNames } from './processes/split-addresses.ts';
import { type NatsServer, type RedisServer, startNats, startRedis } from './servers/servers.ts';
import { createDatabase, sharedServersAvailable } from './servers/shared-servers.ts';
import { TestClock } from './test-clock.ts';

export const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

/** `embedded`: SQLite in memory. `servers`: its own MariaDB, Redis and NATS. `split`: these, and two processes per service. */
export type BackendName = 'embedded' | 'servers' | 'split';

/** The backends that this machine can run; the global set-up prints a warning about missing ones. */
export const backendNames: readonly BackendName[] = sharedServersAvailable
  ? ['embedded', 'servers', 'split']
  : ['embedded'];

/** The whole system on its own ports. */
export interface TestSystem extends AsyncDisposable {
  /** The process that serves clients; with `split`, one of the gateways. */
  readonly process: RunningProcess;
  readonly clock: TestClock;
  /** REST as the default tenant; with `split`, in turn at each gateway. */
  readonly rest: RestClient;
  /** REST as another tenant. */
  restAs(tenant: string): RestClient;
  /** A gRPC client over the network. */
  rpc<S extends DescService>(service: S, tenant?: string): Client<S>;
  readonly rpcUrl: string;
  /** Its servers; undefined with `embedded`. */
  readonly redis?: RedisServer;
  readonly nats?: NatsServer;
}

export interface TestSystemOptions {
  /** Differences from the default environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Reads the tenant from a header, in place of API keys. */
const tenantFromHeader: Authenticate = (headers) => ({
  tenant: headers.get('x-test-tenant') ?? 'default',
  actor: headers.get('x-test-actor') ?? 'anonymous',
});

/** Starts a system; `await using` stops it with its servers. */
export async function startTestSystem(backend: BackendName, options: TestSystemOptions = {}): Promise<TestSystem> {
  await using stack = new AsyncDisposableStack();
  const servers = backend === 'embedded' ? undefined : await startServers(stack);
  const env = {
    AUTOSESSION_HTTP_PORT: '0',
    AUTOSESSION_RPC_PORT: '0',
    AUTOSESSION_DATA_DIR: ':memory:',
    AUTOSESSION_MAX_WAIT_MS: '60000', // the machine may be busy with other tests
    AUTOSESSION_ENCRYPTION_KEYS: JSON.stringify([{ id: 'test', key: '5a'.repeat(32) }]),
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    ...servers?.env,
    ...options.env,
  };
  const clock = new TestClock();
  const start = async (placement: Deployment, overrides: Record<string, string> = {}) => {
    const config = loadConfig({ ...env, ...overrides }, placement);
    const byHeader = placement.local.includes(gatewayModule) && config.apiKeys.length === 0;
    const authentication = byHeader ? { authenticate: tenantFromHeader } : {};
    const logger = createLogger(config.logLevel);
    return stack.use(await startProcess(config, placement, { clock, logger, ...authentication }));
  };
  const gateways = backend === 'split' ? await startSplit(start) : [await start(resolveDeployment(modules))];
  const [gateway] = gateways as [RunningProcess];
  const rpcUrl = `http://127.0.0.1:${gateway.rpcPort}`;
  const owned = stack.move();
  const restAs = (tenant: string) =>
    roundRobin(gateways.map(({ httpPort }) => restClient(`http://127.0.0.1:${httpPort}`, { 'x-test-tenant': tenant })));
  return {
    process: gateway,
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
  start: (placement: Deployment, env: Record<string, string>) => Promise<RunningProcess>,
): Promise<RunningProcess[]> {
  const { rpcPorts, env } = await reserveSplitAddresses(2);
  const started = serviceNames.map((name) =>
    rpcPorts[name].map((port) =>
      start(resolveDeployment(modules, name), { ...env, AUTOSESSION_RPC_PORT: String(port) }),
    ),
  );
  await Promise.all(started.flat());
  return Promise.all(started[serviceNames.indexOf('gateway')] ?? []);
}

/** A client that sends each request to the next of several. */
function roundRobin(clients: readonly RestClient[]): RestClient {
  let index = 0;
  const next = () => clients[index++ % clients.length] as RestClient;
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
  const [mysqlUrl, redisServer, natsServer] = await Promise.all([createDatabase(), startRedis(), startNats()]);
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
