import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../eventually.ts';
import { reservePort } from '../servers/reserve-port.ts';

/** Processes that start together on a busy machine take long; one that ends fails its start at once. */
const START_TIMEOUT_MS = 120_000;

/** The system in a child process that can be killed and restarted on the same ports and data. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** Kills it without warning, with SIGKILL. */
  kill(): Promise<void>;
  /** Holds it still, with SIGSTOP; nothing happens when it is not running. */
  freeze(): void;
  /** Lets it continue, with SIGCONT. */
  thaw(): void;
  /** Stops it with SIGTERM; throws if it exits with an error. */
  stop(): Promise<void>;
  /** Restarts it; resolves when it is ready. */
  start(): Promise<void>;
  /** Its output. */
  readonly output: string;
}

/** Differences from a process that runs all services on new ports. */
interface ServerProcessOptions {
  readonly target?: string;
  readonly rpcPort?: number;
}

export async function startServerProcess(
  env: Record<string, string>,
  options: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const [httpPort, rpcPort] = [await reservePort(), options.rpcPort ?? (await reservePort())];
  const args = options.target ? [`--target=${options.target}`] : [];
  const url = `http://127.0.0.1:${httpPort}`;
  let child: ChildProcess | undefined;
  let output = '';
  const start = async () => {
    child = spawn(process.execPath, ['services/main.ts', ...args], {
      env: {
        ...process.env,
        LOG_LEVEL: 'error',
        ...env,
        AUTOSESSION_HTTP_PORT: String(httpPort),
        AUTOSESSION_RPC_PORT: String(rpcPort),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    await eventually(async () => {
      if (child?.exitCode !== null) throw new Error(`the server ended: ${output}`);
      const { status } = await fetch(`${url}/readyz`);
      if (status !== 200) throw new Error(`not ready: ${status}`);
    }, START_TIMEOUT_MS);
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  await start();
  return {
    url,
    start,
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async stop() {
      await end('SIGTERM');
      if (child?.exitCode !== 0) throw new Error(`the server ended with ${child?.exitCode}: ${output}`);
    },
    get output() {
      return output;
    },
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}

/** A child's exit code and its output. */
export function runCommand(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'exit').then(([code]) => ({ code: code as number | null, output }));
  return { child, ended, output: () => output };
}
