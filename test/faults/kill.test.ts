import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runCommand, type ServerProcess, startServerProcess } from '../support/processes/server-process.ts';
import { waitUntilIdle } from '../support/processes/wait-until-idle.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

const KILLS = 3;

/** Plays the demo against the server, runs `injectFault` meanwhile, and runs the checker on the stored data. */
async function runDemo(server: ServerProcess, env: Record<string, string>, injectFault: () => Promise<void>) {
  const demo = runCommand(process.execPath, [
    'examples/demo/main.ts',
    '--url',
    server.url,
    '--sessions',
    '24',
    '--quiet',
  ]);
  await injectFault();
  const { code, output } = await demo.ended;
  expect(output).toContain('All as injected');
  expect(code).toBe(0);
  await waitUntilIdle(server.url);
  await server[Symbol.asyncDispose]();
  const checker = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
  expect(checker.output).toContain('Every invariant holds.');
  expect(checker.code).toBe(0);
}

/** How many events the relay has published. */
async function publishedEvents(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const rows = text.matchAll(/^autosession_events_published_total\{.*\} (\d+)$/gm);
  return rows.reduce((all, row) => all + Number(row[1]), 0);
}

async function killAtRandomTimes(server: ServerProcess): Promise<void> {
  const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
  process.stdout.write(`FAULT_SEED=${seed}\n`);
  const random = seededRandom(seed);
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(500 + random() * 1_500); // the fault itself: a moment that nothing announces
    await server.kill();
    await server.start();
  }
}

describe('kill -9 in the middle of the demo', () => {
  it('loses nothing and sends nothing twice on the embedded default', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'auto-session-kill-'));
    const env = { AUTOSESSION_DATA_DIR: folder };
    await using server = await startServerProcess(env);
    await runDemo(server, env, () => killAtRandomTimes(server));
    rmSync(folder, { recursive: true });
  }, 180_000);

  it.runIf(sharedServersAvailable)(
    'loses nothing and sends nothing twice on the real servers',
    async () => {
      await using queue = await startRedis();
      await using events = await startNats();
      const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
      await using server = await startServerProcess(env);
      await runDemo(server, env, () => killAtRandomTimes(server));
    },
    180_000,
  );
});

describe.runIf(sharedServersAvailable)('losing what may be lost, under load', () => {
  it('FLUSHALL on Redis changes nothing', async () => {
    await using queue = await startRedis();
    await using events = await startNats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await runDemo(server, env, async () => {
      for (let i = 0; i < 10; i++) {
        await delay(200); // the fault itself
        await queue.flushall();
      }
    });
  }, 180_000);

  it('a wiped JetStream folder is filled again from the outbox', async () => {
    await using queue = await startRedis();
    await using events = await startNats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await runDemo(server, env, async () => {
      await delay(1_000); // the fault itself
      await events.wipe();
    });
  }, 180_000);

  it('a JetStream folder restored from an older copy is filled again from the outbox', async () => {
    await using queue = await startRedis();
    await using events = await startNats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await runDemo(server, env, async () => {
      const publishedMoreThan = (count: number) =>
        eventually(async () => expect(await publishedEvents(server.url)).toBeGreaterThan(count), 60_000);
      await publishedMoreThan(30);
      const restore = await events.backup();
      await publishedMoreThan((await publishedEvents(server.url)) + 50);
      await restore();
    });
  }, 180_000);
});
