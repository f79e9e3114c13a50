import { randomBytes } from 'node:crypto';
import { loadConfig } from '../services/lib/load-config.ts';
import { createLogger } from '../services/lib/log.ts';
import { placeModules } from '../services/lib/placement.ts';
import { type RunningProcess, startProcess } from '../services/lib/process.ts';
import { reservePort } from './reserve-port.ts';
import { type RestClient, restClient } from './rest-client.ts';
import { nats, redis } from './servers.ts';
import { createDatabase } from './stack.ts';
import { modules } from './world.ts';

/** A process that runs some services. */
export interface Placed {
  readonly running: RunningProcess;
  readonly rest: RestClient;
  readonly rpcUrl: string;
  /** The lines of its log from `warn` on, as it wrote them. */
  readonly log: readonly string[];
}

/** One that starts with settings of its own. */
export type Target = string | { readonly target: string; readonly env: Readonly<Record<string, string>> };

/**
 * Starts a process for every target (`gateway,session`), on servers of their own, each knowing the addresses of all; the
 * same target twice is two instances. Disposing it stops what still runs.
 */
export async function startPlaced(...targets: Target[]): Promise<{ processes: Placed[] } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const places = targets.map((each) => (typeof each === 'string' ? { target: each, env: {} } : each));
  const [mysqlUrl, queue, events] = await Promise.all([createDatabase(), redis(), nats()]);
  stack.use(queue);
  stack.use(events);
  const ports: number[] = [];
  while (ports.length < places.length) ports.push(await reservePort());
  const env = {
    ...{ MYSQL_URL: mysqlUrl, REDIS_URL: queue.url, NATS_URL: events.url, AUTOSESSION_HTTP_PORT: '0' },
    ...{ LOG_LEVEL: 'warn', AUTOSESSION_INTERNAL_SECRET: randomBytes(24).toString('hex') },
    ...addresses(places, ports),
  };
  const processes = await Promise.all(
    places.map(({ target, env: own }, i) =>
      startOne(stack, target, { ...env, AUTOSESSION_RPC_PORT: String(ports[i]), ...own }),
    ),
  );
  const owned = stack.move();
  return { processes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function addresses(places: readonly { target: string }[], ports: readonly number[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name } of modules) {
    const own = ports.filter((_, i) => places[i]?.target.split(',').includes(name));
    const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`;
    if (name !== 'gateway') found[variable] = own.map((port) => `http://127.0.0.1:${port}`).join();
  }
  return found;
}

async function startOne(stack: AsyncDisposableStack, target: string, env: Record<string, string>): Promise<Placed> {
  const placement = placeModules(modules, target);
  const config = loadConfig(env, placement);
  const log: string[] = [];
  const logger = createLogger(config.logLevel, { write: (line) => void log.push(line) });
  const running = stack.use(await startProcess(config, placement, { logger }));
  const rest = restClient(`http://127.0.0.1:${running.httpPort}`);
  return { running, rest, rpcUrl: `http://127.0.0.1:${running.rpcPort}`, log };
}
