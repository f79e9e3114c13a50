import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reservePorts, respondsOk } from '../system/service-process.ts';

const START_TIMEOUT_MS = 60_000;

/** Milliseconds from `npm start` on an empty data folder to the first answer of `/health`: the median of several starts. */
export async function measureStartTime(starts: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < starts; n++) times.push(await measureOneStart());
  return times.sort((a, b) => a - b)[Math.floor(starts / 2)] ?? Number.NaN;
}

async function measureOneStart(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'auto-session-start-'));
  const ports = await reservePorts();
  const none = { MYSQL_URL: '', REDIS_URL: '', REDIS_HOST: '', NATS_URL: '' };
  const start = performance.now();
  const child = spawn('npm', ['start', '--silent'], {
    env: {
      ...process.env,
      ...none,
      AUTOSESSION_DATA_DIR: folder,
      AUTOSESSION_HTTP_PORT: String(ports.http),
      AUTOSESSION_RPC_PORT: String(ports.rpc),
    },
    stdio: 'ignore',
    detached: true, // a process group, so that the processes that npm starts are killed too
  });
  const ended = once(child, 'exit');
  try {
    while (!(await respondsOk(`http://127.0.0.1:${ports.http}/health`))) {
      if (performance.now() - start > START_TIMEOUT_MS) throw new Error('npm start did not answer');
      await delay(5);
    }
    return performance.now() - start;
  } finally {
    if (child.pid) process.kill(-child.pid, 'SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
