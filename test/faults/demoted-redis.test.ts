import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { redisQueue } from '../../services/lib/messaging/queue/redis-queue.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { eventually } from '../support/eventually.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startRedis } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem } from '../support/test-system.ts';

describe.runIf(sharedServersAvailable)('a Redis that was made a replica', () => {
  it('degrades a process, which keeps serving, until it accepts writes again', async () => {
    await using system = await startTestSystem('servers');
    await using primary = await startRedis();
    const { port } = new URL(primary.url);
    const admin = new Redis(system.redis!.url);
    const ready = async () => {
      const { status, body } = await system.rest.get('/readyz');
      return [status, body.status, body.checks.queue, body.reasons];
    };
    await admin.replicaof('127.0.0.1', port);
    await eventually(async () => expect(await ready()).toEqual([200, 'degraded', false, { queue: 'read_only' }]));
    const { sentSession } = flowSteps(system);
    await sentSession();
    await admin.replicaof('NO', 'ONE');
    await eventually(async () => expect(await ready()).toEqual([200, 'ok', true, undefined]));
    admin.disconnect();
  }, 60_000);

  it('is logged once as lost and once as back, however many commands it refuses', async () => {
    await using server = await startRedis();
    await using primary = await startRedis();
    const events: string[] = [];
    const write = (line: string) => void events.push(JSON.parse(line).event);
    const config = { url: server.url, maxRetries: 3, retryDelayMs: 20 };
    await using queue = await redisQueue(config, createLogger('info', { write }));
    const admin = new Redis(server.url);
    const item = { tenant: 't', taskId: 'a', rank: 1, readyAt: 1, createdAt: 1, platform: '', accountId: '' };
    await admin.replicaof('127.0.0.1', new URL(primary.url).port);
    for (let round = 0; round < 50; round++) await expect(queue.push([item])).rejects.toThrow();
    await eventually(() => expect(events).toEqual(['redis_lost']));
    await admin.replicaof('NO', 'ONE');
    await eventually(() => queue.push([item]));
    expect(events).toEqual(['redis_lost', 'redis_back']);
    admin.disconnect();
  });
});
