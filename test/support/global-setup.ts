import type { TestProject } from 'vitest/node';
import { availableServers, startMariadb, startNats, startRedis } from './servers/servers.ts';

const INSTALL = 'apt-get install mariadb-server redis-server nats-server';

/** Starts one MariaDB, Redis and NATS for all test files, or prints a warning that their suites do not run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = Object.entries(availableServers).flatMap(([name, there]) => (there ? [] : [name]));
  if (missing.length > 0) {
    const text = `the suites on MariaDB, Redis and NATS DO NOT RUN: no ${missing.join(', ')} here (${INSTALL})`;
    if (process.env.REQUIRE_STACK === '1') throw new Error(text);
    process.stderr.write(`\n!!! ${text} !!!\n\n`);
    project.provide('sharedServers', null);
    return undefined;
  }
  await using starting = new AsyncDisposableStack();
  const [database, queue, log] = await Promise.all(
    [startMariadb(), startRedis(), startNats()].map(async (server) => starting.use(await server)),
  );
  project.provide('sharedServers', { mariadbUrl: database!.url, redisUrl: queue!.url, natsUrl: log!.url });
  const running = starting.move();
  return () => running.disposeAsync();
}
