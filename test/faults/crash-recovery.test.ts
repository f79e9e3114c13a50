import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Rest } from '../../examples/demo/rest.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { runMainFlow } from '../support/processes/run-main-flow.ts';
import { runCommand } from '../support/processes/server-process.ts';
import { reservePort } from '../support/servers/reserve-port.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { type BackendName, startTestSystem } from '../support/test-system.ts';

const CONCURRENCY = 2;
/** How long a flow that goes on and on may take to come by a failpoint, starts of the process included. */
const REACH_TIMEOUT_MS = 40_000;

/** The failpoints that a main flow passes, background work included. */
async function failpointsOfMainFlow(backend: BackendName): Promise<string[]> {
  const passed = new Set<string>();
  await using system = await startTestSystem(backend);
  using _ = armFailpoint('*', (name) => void passed.add(name));
  await runMainFlow(new Rest(system.rest.baseUrl));
  await assertInvariants(system);
  // those are passed once per log; the relay's suite covers each of them
  return [...passed].filter((name) => !name.startsWith('new-log.')).sort();
}

/** The system in a child process, with a failpoint to crash at for each start. */
class CrashingProcess implements AsyncDisposable {
  readonly url: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(env: Record<string, string>, httpPort: number) {
    this.url = `http://127.0.0.1:${httpPort}`;
    const ports = { AUTOSESSION_HTTP_PORT: String(httpPort), AUTOSESSION_RPC_PORT: '0' };
    // it starts some eighty times
    const cache = join(tmpdir(), 'auto-session-compile-cache');
    this.#env = { LOG_LEVEL: 'error', NODE_COMPILE_CACHE: cache, ...env, ...ports };
  }

  start(failpoints: string): void {
    const env = { ...process.env, ...this.#env, AUTOSESSION_FAILPOINTS: failpoints };
    this.#output = '';
    this.#child = spawn(process.execPath, ['services/main.ts'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
  }

  /** Resolves when it was killed by the failpoint; throws when that does not come, or it ended in another way. */
  async waitForCrash(failpoint: string): Promise<void> {
    const { exitCode, signalCode } = await eventually(() => {
      const child = this.#child as ChildProcess;
      if (child.exitCode === null && child.signalCode === null) throw new Error(`${failpoint} was not reached`);
      return child;
    }, REACH_TIMEOUT_MS);
    if (signalCode === 'SIGKILL') return;
    if (!this.#output.includes('is taken')) throw new Error(`${failpoint}: it ended with ${exitCode}: ${this.#output}`);
    // another test has the port for a moment
    this.start(`${failpoint}=crash`);
    await this.waitForCrash(failpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}

/** Crashes at every failpoint in turn while main flows go on, then runs the checker on the stored data. */
async function crashAtEach(failpoints: readonly string[], env: Record<string, string>): Promise<void> {
  await using crashingProcess = new CrashingProcess(env, await reservePort());
  const rest = new Rest(crashingProcess.url);
  let stopping = false;
  const flows = Array.from({ length: CONCURRENCY }, async () => {
    while (!stopping) await runMainFlow(rest);
  });
  for (const failpoint of failpoints) {
    crashingProcess.start(`${failpoint}=crash`);
    await Promise.race([crashingProcess.waitForCrash(failpoint), Promise.all(flows)]);
  }
  crashingProcess.start('');
  stopping = true;
  await Promise.all(flows);
  await eventually(async () => {
    const metrics = await (await fetch(`${crashingProcess.url}/metrics`)).text();
    expect(metrics).toMatch(/^autosession_outbox_depth 0$/m);
  }, 30_000);
  await crashingProcess[Symbol.asyncDispose]();
  const checker = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
  expect(checker.output).toContain('Every invariant holds.');
}

describe('a crash at every failpoint that the main flow passes', () => {
  it('leaves every invariant true on the embedded default', async () => {
    const failpoints = await failpointsOfMainFlow('embedded');
    expect(failpoints.length).toBeGreaterThan(20);
    const folder = mkdtempSync(join(tmpdir(), 'auto-session-walk-'));
    await crashAtEach(failpoints, { AUTOSESSION_DATA_DIR: folder });
    rmSync(folder, { recursive: true });
  }, 900_000);

  it.runIf(sharedServersAvailable)(
    'leaves every invariant true on the real servers',
    async () => {
      const failpoints = await failpointsOfMainFlow('servers');
      await using queue = await startRedis();
      await using events = await startNats();
      await crashAtEach(failpoints, { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url });
    },
    900_000,
  );
});
