import { describe, expect, test } from 'vitest';
import type { RedisConfig } from '../../services/lib/config/config.ts';
import { redisQueue } from '../../services/lib/messaging/queue/redis-queue.ts';
import type { QueueItem } from '../../services/lib/messaging/queue/task-queue.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { queueConformance } from './queue-conformance.ts';

const logger = createLogger('silent');
const at = (url: string): RedisConfig => ({ url, maxRetries: 3, retryDelayMs: 20 });
const one: QueueItem = {
  tenant: 't',
  taskId: 'a',
  rank: 1,
  readyAt: 1,
  createdAt: 1,
  platform: 'p',
  accountId: 'x',
};

describe.runIf(sharedServersAvailable)('with a server', () => {
  queueConformance('Redis', async () => {
    const server = await startRedis();
    const [queue, other] = [await redisQueue(at(server.url), logger), await redisQueue(at(server.url), logger)];
    return {
      queue,
      other,
      clear: () => server.flushall(),
      [Symbol.asyncDispose]: async () => {
        await queue[Symbol.asyncDispose]();
        await other[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  describe('task queue on Redis, when Redis goes away', () => {
    test('refuses to start without it, in one sentence without the password', async () => {
      const start = redisQueue(at('redis://:secret@127.0.0.1:1/0'), logger);
      await expect(start).rejects.toThrow(
        /^Redis at redis:\/\/127\.0\.0\.1:1\/0 \(REDIS_URL\) does not answer after \d+ s: (?!.*secret)/,
      );
    });

    test('fails immediately during an outage, and recovers by itself', async () => {
      await using server = await startRedis();
      await using queue = await redisQueue(at(server.url), logger);
      await queue.push([one]);
      await server.stop();
      await expect(queue.push([one])).rejects.toMatchObject({ rawMessage: 'the task queue does not answer' });
      await expect(queue.take('t', {}, 2, 1)).rejects.toThrow();
      expect(await queue.fault()).toBe('away');
      await server.start();
      await eventually(async () => expect(await queue.fault()).toBeUndefined());
      expect(await queue.take('t', {}, 2, 1)).toEqual(['a']);
    });

    test('wakes waiting callers after an outage, and the subscription continues', async () => {
      await using server = await startRedis();
      await using queue = await redisQueue(at(server.url), logger);
      const waited = queue.waitForPush('t', 60_000);
      await server.kill();
      await server.start();
      await waited;
      let woken = false;
      const again = queue.waitForPush('t', 60_000).then(() => {
        woken = true;
      });
      await eventually(async () => {
        await queue.push([one]);
        expect(woken).toBe(true);
      });
      await again;
    });

    test('two prefixes on one server do not see each other', async () => {
      await using server = await startRedis();
      await using here = await redisQueue({ ...at(server.url), keyPrefix: 'here:' }, logger);
      await using there = await redisQueue({ ...at(server.url), keyPrefix: 'there:' }, logger);
      await here.push([one]);
      expect(await there.size('t')).toBe(0);
      expect(await there.take('t', {}, 2, 1)).toEqual([]);
      expect(await here.size('t')).toBe(1);
    });
  });
});
