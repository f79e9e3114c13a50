import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNats } from '../../test/support/servers/servers.ts';
import type { NamedPids } from '../measure/process-usage.ts';
import type { Mode } from '../options.ts';
import type { BenchServers } from './servers.ts';
import { type Ports, reservePorts, type ServiceProcess, startServiceProcess } from './service-process.ts';

/** The whole system in one of its modes, with a database of its own. */
export interface System extends AsyncDisposable {
  readonly mode: Mode;
  /** The address of REST and SSE, and that of gRPC. */
  readonly url: string;
  readonly rpcUrl: string;
  readonly metricsUrls: readonly string[];
  /** The processes of the system and of its servers. */
  readonly processes: NamedPids;
  readonly storage: SystemStorage;
  /** Stops the event log if it is a server; requests are served without it. */
  stopEventLog(): Promise<void>;
}

/** Its databases on the servers, or its data folder. */
export type SystemStorage = { readonly mysqlUrl: string } | { readonly folder: string };

/** A bot that answers at once in five parts, and one that speaks for four seconds. */
const BOTS = JSON.stringify(
  ['quick', 'slow'].map((id) => ({
    id,
    engine: 'scripted',
    script: fileURLToPath(new URL(`./${id}-script.json`, import.meta.url)),
  })),
);

const serviceNames = ['session', 'task-dispatch', 'message-analysis', 'handover', 'gateway'] as const;

/** Starts the system, on a new database if none is given. Every mode but `embedded` needs `servers`. */
export async function startSystem(mode: Mode, servers: BenchServers | undefined, database?: string): Promise<System> {
  if (mode === 'embedded') return startEmbedded();
  if (!servers) throw new Error(`${mode} needs the servers`);
  const mysqlUrl = database ?? (await servers.database.createDatabase());
  await servers.redis.flushall();
  await using stack = new AsyncDisposableStack();
  const log = stack.use(await startNats()); // an event log belongs to one database
  const env = { MYSQL_URL: mysqlUrl, REDIS_URL: servers.redis.url, NATS_URL: log.url, AUTOSESSION_BOTS: BOTS };
  const processes = mode === 'single-process' ? [await startSingleProcess(env, stack)] : await startSplit(env, stack);
  const { database: mariadbd, redis } = servers;
  const others = Object.entries({ mariadbd, redis, nats: log }).map(([name, { pid }]) => ({ name, pid }));
  const system = systemOf(mode, processes, { mysqlUrl }, others, stack.move());
  return { ...system, stopEventLog: () => log.stop() };
}

interface NamedProcess {
  readonly name: string;
  readonly process: ServiceProcess;
}

function systemOf(
  mode: Mode,
  processes: readonly NamedProcess[],
  storage: SystemStorage,
  serverProcesses: NamedPids,
  stack: AsyncDisposableStack,
): System {
  const entry = processes.at(-1)?.process;
  if (!entry) throw new Error('no process was started');
  return {
    mode,
    url: entry.url,
    rpcUrl: entry.rpcUrl,
    metricsUrls: processes.map(({ process }) => process.url),
    processes: [...processes.map(({ name, process }) => ({ name, pid: process.pid })), ...serverProcesses],
    storage,
    stopEventLog: async () => {},
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startEmbedded(): Promise<System> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'auto-session-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const none = { MYSQL_URL: '', REDIS_URL: '', REDIS_HOST: '', NATS_URL: '', AUTOSESSION_BOTS: BOTS };
  const processes = [await startSingleProcess({ ...none, AUTOSESSION_DATA_DIR: folder }, stack)];
  return systemOf('embedded', processes, { folder }, [], stack.move());
}

async function startSingleProcess(env: Record<string, string>, stack: AsyncDisposableStack): Promise<NamedProcess> {
  return { name: 'server', process: stack.use(await startServiceProcess(await reservePorts(), env)) };
}

/** A process per service, the gateway last; the environment has the addresses of the others. */
async function startSplit(env: Record<string, string>, stack: AsyncDisposableStack): Promise<NamedProcess[]> {
  const ports = new Map<string, Ports>();
  for (const name of serviceNames) ports.set(name, await reservePorts());
  const peers = Object.fromEntries(
    [...ports].map(([name, { rpc }]) => [`${name.toUpperCase().replaceAll('-', '_')}_URL`, `http://127.0.0.1:${rpc}`]),
  );
  const commonEnv = { ...env, ...peers, AUTOSESSION_INTERNAL_SECRET: randomBytes(24).toString('hex') };
  const starting = serviceNames.map(async (name): Promise<NamedProcess> => {
    const process = await startServiceProcess(ports.get(name) as Ports, commonEnv, name);
    return { name, process: stack.use(process) };
  });
  const outcomes = await Promise.allSettled(starting);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return Promise.all(starting);
}
