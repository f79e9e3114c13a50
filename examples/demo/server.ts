import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const READY_MS = 30_000;

/** The system in a process of its own, on free ports, with a data folder that goes with it. */
export interface DemoServer extends AsyncDisposable {
  readonly url: string;
  /** What it printed about itself. */
  readonly banner: string;
}

/** Starts the system: embedded, or on the servers that the environment names. `settings` come on top. */
export async function startServer(settings: Readonly<Record<string, string>> = {}): Promise<DemoServer> {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-demo-'));
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../services/main.ts', import.meta.url))], {
    env: {
      ...process.env,
      AUTOSESSION_HTTP_PORT: '0',
      AUTOSESSION_RPC_PORT: '0',
      AUTOSESSION_DATA_DIR: folder,
      LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const banner = await firstOutput(child);
  const url = /curl (http:\S+)\/health/.exec(banner)?.[1];
  if (!url) throw new Error(`the server did not say where it is:\n${banner}`);
  return {
    url,
    banner,
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('the server did not start in time')), READY_MS);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!text.includes('/health')) return;
      clearTimeout(timer);
      resolve(text);
    });
  });
}
