import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reservePort } from '../../test/support/servers/reserve-port.ts';

const READY_TIMEOUT_MS = 60_000;
const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));

/** A process of the system. */
export interface ServiceProcess extends AsyncDisposable {
  readonly url: string;
  readonly rpcUrl: string;
  readonly pid: number;
}

/** The ports for a process. */
export interface Ports {
  readonly http: number;
  readonly rpc: number;
}

export async function reservePorts(): Promise<Ports> {
  return { http: await reservePort(), rpc: await reservePort() };
}

/** Starts the system, or the services of one target; resolves when it is ready. Its log is written and discarded. */
export async function startServiceProcess(
  ports: Ports,
  env: Readonly<Record<string, string>>,
  target?: string,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [main, ...(target ? [`--target=${target}`] : [])], {
    env: {
      ...process.env,
      ...env,
      AUTOSESSION_HTTP_PORT: String(ports.http),
      AUTOSESSION_RPC_PORT: String(ports.rpc),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderrTail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-2_000);
  });
  const killOrphan = () => void child.kill('SIGKILL');
  process.once('exit', killOrphan);
  const reportExit = (code: number | null) =>
    process.stderr.write(`${target ?? 'the system'} ended with ${code} during the measurement: ${stderrTail}\n`);
  const url = `http://127.0.0.1:${ports.http}`;
  const end = async () => {
    process.off('exit', killOrphan);
    child.off('exit', reportExit);
    await stop(child);
  };
  child.on('exit', reportExit);
  try {
    await waitUntilReady(child, url);
  } catch (error) {
    await end();
    throw error;
  }
  return { url, rpcUrl: `http://127.0.0.1:${ports.rpc}`, pid: child.pid ?? 0, [Symbol.asyncDispose]: end };
}

async function waitUntilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await respondsOk(`${url}/readyz`))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('the system did not start');
    await delay(10);
  }
}

/** Whether a URL answers with 200 now. */
export function respondsOk(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
