import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { nats, redis } from '../servers.ts';
import { createDatabase, stackAvailable } from '../stack.ts';
import { untilAtRest } from './rest-of-process.ts';
import { runToEnd, type ServerProcess, startServerProcess } from './server-process.ts';

const KILLS = 3;

/** Numbers that the seed alone decides, so that a failed run can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Plays the demo against the server, lets `disturb` do its worst meanwhile, and lets the checker judge what is stored. */
async function playThrough(server: ServerProcess, env: Record<string, string>, disturb: () => Promise<void>) {
  const demo = runToEnd(process.execPath, [
    'examples/demo/main.ts',
    '--url',
    server.url,
    '--sessions',
    '24',
    '--quiet',
  ]);
  await disturb();
  const { code, output } = await demo.ended;
  expect(output).toContain('All as injected');
  expect(code).toBe(0);
  await untilAtRest(server.url);
  await server[Symbol.asyncDispose]();
  const checker = await runToEnd(process.execPath, ['scripts/verify/main.ts'], env).ended;
  expect(checker.output).toContain('Every invariant holds.');
  expect(checker.code).toBe(0);
}

/** How many events the relay has published. */
async function published(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const rows = text.matchAll(/^autosession_events_published_total\{.*\} (\d+)$/gm);
  return rows.reduce((all, row) => all + Number(row[1]), 0);
}

async function killSometimes(server: ServerProcess): Promise<void> {
  const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
  process.stdout.write(`FAULT_SEED=${seed}\n`);
  const chance = seeded(seed);
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(500 + chance() * 1_500); // the fault itself: a moment that nothing announces
    await server.kill();
    await server.start();
  }
}

describe('kill -9 in the middle of the demo', () => {
  it('loses nothing and sends nothing twice on the embedded default', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'auto-session-kill-'));
    const env = { AUTOSESSION_DATA_DIR: folder };
    await using server = await startServerProcess(env);
    await playThrough(server, env, () => killSometimes(server));
    rmSync(folder, { recursive: true });
  }, 180_000);

  it.runIf(stackAvailable)(
    'loses nothing and sends nothing twice on the real servers',
    async () => {
      await using queue = await redis();
      await using events = await nats();
      const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
      await using server = await startServerProcess(env);
      await playThrough(server, env, () => killSometimes(server));
    },
    180_000,
  );
});

describe.runIf(stackAvailable)('losing what may be lost, under load', () => {
  it('FLUSHALL on Redis changes nothing', async () => {
    await using queue = await redis();
    await using events = await nats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await playThrough(server, env, async () => {
      for (let i = 0; i < 10; i++) {
        await delay(200); // the fault itself
        await queue.flushall();
      }
    });
  }, 180_000);

  it('a wiped JetStream folder is filled again from the outbox', async () => {
    await using queue = await redis();
    await using events = await nats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await playThrough(server, env, async () => {
      await delay(1_000); // the fault itself
      await events.wipe();
    });
  }, 180_000);

  it('a JetStream folder restored from an older copy is filled again from the outbox', async () => {
    await using queue = await redis();
    await using events = await nats();
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    await using server = await startServerProcess(env);
    await playThrough(server, env, async () => {
      const publishedMoreThan = (count: number) =>
        eventually(async () => expect(await published(server.url)).toBeGreaterThan(count), 60_000);
      await publishedMoreThan(30);
      const restore = await events.backUp();
      await publishedMoreThan((await published(server.url)) + 50);
      await restore();
    });
  }, 180_000);
});
