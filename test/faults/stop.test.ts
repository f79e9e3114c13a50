import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Rest } from '../../examples/demo/rest.ts';
import { runMainFlow } from '../support/processes/run-main-flow.ts';
import { runCommand, type ServerProcess, startServerProcess } from '../support/processes/server-process.ts';
import { reserveSplitAddresses, serviceNames } from '../support/processes/split-addresses.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

/** How often each system is stopped under load. */
const STOPS = Number(process.env.STOPS ?? 2);
const CONCURRENCY = 4;
const MINUTE_MS = 60_000;
/** Nothing listens while the checker runs, which takes long on a busy machine. */
const MAX_OUTAGE_MS = 3 * MINUTE_MS;

/** Stops the processes again and again during main flows, and runs the checker after each stop. */
async function stopUnderLoad(entry: ServerProcess, processes: readonly ServerProcess[], env: Record<string, string>) {
  const rest = new Rest(entry.url, MAX_OUTAGE_MS);
  let ending = false;
  let flows = 0;
  const lanes = Array.from({ length: CONCURRENCY }, async () => {
    for (; !ending; flows++) await runMainFlow(rest);
  });
  const load = Promise.all(lanes);
  const verdicts: string[] = [];
  for (let stop = 0; stop < STOPS; stop++) {
    const until = flows + CONCURRENCY;
    while (flows < until) await Promise.race([new Promise((resolve) => setTimeout(resolve, 10)), load]);
    await Promise.all(processes.map((each) => each.stop()));
    const { code, output } = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
    expect([code, output.split('\n').filter((line) => line.startsWith('BROKEN'))], output).toEqual([0, []]);
    verdicts.push(output.trim().split('\n').at(-1) ?? '');
    await Promise.all(processes.map((each) => each.start()));
  }
  ending = true;
  await load;
  return verdicts;
}

async function serverEnv(stack: AsyncDisposableStack): Promise<Record<string, string>> {
  const [queue, log] = [stack.use(await startRedis()), stack.use(await startNats())];
  return { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: log.url };
}

it('a stop under load breaks no invariant, and leaves nothing behind: embedded', {
  timeout: MINUTE_MS + 2 * MAX_OUTAGE_MS * STOPS,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-stop-'));
  try {
    const env = { AUTOSESSION_DATA_DIR: folder, MYSQL_URL: '', REDIS_URL: '', NATS_URL: '' };
    await using server = await startServerProcess(env);
    const verdicts = await stopUnderLoad(server, [server], env);
    expect(verdicts).toEqual(Array.from({ length: STOPS }, () => 'Every invariant holds.'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe.runIf(sharedServersAvailable)(
  'a stop under load breaks no invariant',
  { timeout: MINUTE_MS + 2 * MAX_OUTAGE_MS * STOPS },
  () => {
    it('of a single process on servers', async () => {
      await using stack = new AsyncDisposableStack();
      const env = await serverEnv(stack);
      const server = stack.use(await startServerProcess(env));
      const verdicts = await stopUnderLoad(server, [server], env);
      expect(verdicts).toHaveLength(STOPS);
    });

    it('of all processes of a split system at once', async () => {
      await using stack = new AsyncDisposableStack();
      const addresses = await reserveSplitAddresses(1);
      const env = { ...(await serverEnv(stack)), ...addresses.env };
      const processes = await Promise.all(
        serviceNames.map((target) => startServerProcess(env, { target, rpcPort: addresses.rpcPorts[target][0] })),
      );
      for (const each of processes) stack.use(each);
      const gateway = processes[serviceNames.indexOf('gateway')] as ServerProcess;
      const verdicts = await stopUnderLoad(gateway, processes, env);
      expect(verdicts).toHaveLength(STOPS);
    });
  },
);
