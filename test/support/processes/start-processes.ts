import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { resolveDeployment } from '../../../services/lib/runtime/deployment.ts';
import { type RunningProcess, startProcess } from '../../../services/lib/runtime/process.ts';
import { type RestClient, restClient } from '../http/rest-client.ts';
import { reservePort } from '../servers/reserve-port.ts';
import { startNats, startRedis } from '../servers/servers.ts';
import { createDatabase } from '../servers/shared-servers.ts';
import { modules } from '../test-system.ts';

/** A process that runs some services. */
export interface TargetProcess {
  readonly running: RunningProcess;
  readonly rest: RestClient;
  readonly rpcUrl: string;
  /** Its log lines of level `warn` and above. */
  readonly log: readonly string[];
}

/** A process with its own settings. */
export type ProcessTarget = string | { readonly target: string; readonly env: Readonly<Record<string, string>> };

/**
 * Starts a process for every target (`gateway,session`), on their own servers, each with the addresses of all; the same target
 * twice starts two instances. Disposing stops those that still run.
 */
export async function startProcesses(
  ...targets: ProcessTarget[]
): Promise<{ processes: TargetProcess[] } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const specs = targets.map((each) => (typeof each === 'string' ? { target: each, env: {} } : each));
  const [mysqlUrl, queue, events] = await Promise.all([createDatabase(), startRedis(), startNats()]);
  stack.use(queue);
  stack.use(events);
  const ports: number[] = [];
  while (ports.length < specs.length) ports.push(await reservePort());
  const env = {
    ...{ MYSQL_URL: mysqlUrl, REDIS_URL: queue.url, NATS_URL: events.url, AUTOSESSION_HTTP_PORT: '0' },
    ...{ LOG_LEVEL: 'warn', AUTOSESSION_INTERNAL_SECRET: randomBytes(24).toString('hex') },
    AUTOSESSION_ENCRYPTION_KEYS: JSON.stringify([{ id: 'test', key: '5a'.repeat(32) }]),
    ...addresses(specs, ports),
  };
  const processes = await Promise.all(
    specs.map(({ target, env: own }, i) =>
      startOne(stack, target, { ...env, AUTOSESSION_RPC_PORT: String(ports[i]), ...own }),
    ),
  );
  const owned = stack.move();
  return { processes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function addresses(specs: readonly { target: string }[], ports: readonly number[]): Record<string, string> {
  const urls: Record<string, string> = {};
  for (const { name } of modules) {
    const own = ports.filter((_, i) => specs[i]?.target.split(',').includes(name));
    const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`;
    if (name !== 'gateway') urls[variable] = own.map((port) => `http://127.0.0.1:${port}`).join();
  }
  return urls;
}

async function startOne(
  stack: AsyncDisposableStack,
  target: string,
  env: Record<string, string>,
): Promise<TargetProcess> {
  const placement = resolveDeployment(modules, target);
  const config = loadConfig(env, placement);
  const log: string[] = [];
  const logger = createLogger(config.logLevel, { write: (line) => void log.push(line) });
  const running = stack.use(await startProcess(config, placement, { logger }));
  const rest = restClient(`http://127.0.0.1:${running.httpPort}`);
  return { running, rest, rpcUrl: `http://127.0.0.1:${running.rpcPort}`, log };
}
