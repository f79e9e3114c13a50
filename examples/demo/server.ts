import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 30_000;

/** The system in a child process, on free ports, with a data folder that is removed with it. */
export interface DemoServer extends AsyncDisposable {
  readonly url: string;
  /** Its backends. */
  readonly durability: string;
}

/** Starts the system: embedded, or on the servers in the environment, with additional `settings`. */
export async function startServer(settings: Readonly<Record<string, string>> = {}): Promise<DemoServer> {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-demo-'));
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../services/main.ts', import.meta.url))], {
    env: {
      ...process.env,
      AUTOSESSION_HTTP_PORT: '0',
      AUTOSESSION_RPC_PORT: '0',
      AUTOSESSION_DATA_DIR: folder,
      LOG_LEVEL: 'info',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { http, durability } = await startedLine(child);
  return {
    url: http,
    durability,
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The line in which the server reports that it has started. */
function startedLine(child: ChildProcess): Promise<{ http: string; durability: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('the server did not start in time')), START_TIMEOUT_MS);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    const read = (chunk: string) => {
      text += chunk;
      const line = text.split('\n').find((each) => each.includes('"event":"started"') && each.endsWith('}'));
      if (line === undefined) return;
      clearTimeout(timer);
      child.stdout?.off('data', read).resume(); // the rest is discarded, so that it does not fill the pipe
      resolve(JSON.parse(line));
    };
    child.stdout?.setEncoding('utf8').on('data', read);
  });
}
