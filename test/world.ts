import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { gatewayModule } from '../services/gateway/module.ts';
import { handoverModule } from '../services/handover/module.ts';
import type { Config } from '../services/lib/config.ts';
import type { Authenticate } from '../services/lib/interceptors/context.ts';
import { loadConfig } from '../services/lib/load-config.ts';
import { createLogger } from '../services/lib/log.ts';
import { type RunningProcess, startProcess } from '../services/lib/process.ts';
import { messageAnalysisModule } from '../services/message-analysis/module.ts';
import { sessionModule } from '../services/session/module.ts';
import { taskDispatchModule } from '../services/task-dispatch/module.ts';
import { TestClock } from './clock.ts';
import { type RestClient, restClient } from './rest-client.ts';
import { type NatsServer, nats, type RedisServer, redis } from './servers.ts';
import { createDatabase, stackAvailable } from './stack.ts';

export const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

/** `embedded`: SQLite in memory. `servers`: MariaDB, Redis and NATS of its own. */
export type BackendName = 'embedded' | 'servers';

/** The backends that this machine can run; the missing one is announced loudly by the global set-up. */
export const backendNames: readonly BackendName[] = stackAvailable ? ['embedded', 'servers'] : ['embedded'];

/** The whole system in one process on ports of its own. */
export interface World extends AsyncDisposable {
  readonly process: RunningProcess;
  readonly clock: TestClock;
  /** REST as the default tenant. */
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

/** Takes the tenant from a header: stands in for API keys. */
const tenantFromHeader: Authenticate = (headers) => ({
  tenant: headers.get('x-test-tenant') ?? 'default',
  actor: headers.get('x-test-actor') ?? 'anonymous',
});

/** Starts a world; `await using` stops it with everything in it. */
export async function startWorld(backend: BackendName, options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const servers = backend === 'servers' ? await startServers(stack) : undefined;
  const config: Config = loadConfig({
    AUTOSESSION_HTTP_PORT: '0',
    AUTOSESSION_RPC_PORT: '0',
    AUTOSESSION_DATA_DIR: ':memory:',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    ...servers?.env,
    ...options.env,
  });
  const clock = new TestClock();
  const logger = createLogger(config.logLevel);
  const running = stack.use(await startProcess(config, modules, { clock, logger, authenticate: tenantFromHeader }));
  const httpUrl = `http://127.0.0.1:${running.httpPort}`;
  const rpcUrl = `http://127.0.0.1:${running.rpcPort}`;
  const owned = stack.move();
  return {
    process: running,
    clock,
    rest: restClient(httpUrl),
    restAs: (tenant) => restClient(httpUrl, { 'x-test-tenant': tenant }),
    rpc: (service, tenant) => rpcClient(rpcUrl, service, tenant),
    rpcUrl,
    redis: servers?.redis,
    nats: servers?.nats,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
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
