import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { QueueFilter, QueueItem, TaskQueue } from '../../services/lib/messaging/queue/task-queue.ts';
import { assertFollowsModel } from '../support/messaging/queue-model.ts';

/** The backend under test of the task queue suite. */
export interface QueueFixture extends AsyncDisposable {
  readonly queue: TaskQueue;
  /** A second adapter for the same data, like another process's; the same one if only one process is possible. */
  readonly other: TaskQueue;
  /** Deletes all entries of the queue, like a flush of its server. */
  clear(): Promise<void>;
}

const NOW = Date.UTC(2026, 0, 31, 12);
const LONG_MS = 60_000;
const newTenant = () => `t${randomBytes(6).toString('hex')}`;

function item(tenant: string, taskId: string, overrides: Partial<QueueItem> = {}): QueueItem {
  return { tenant, taskId, rank: 10, readyAt: NOW, createdAt: NOW, platform: 'taobao', accountId: 'acc', ...overrides };
}

/** The guarantees of every task queue. */
export function queueConformance(name: string, open: () => Promise<QueueFixture>): void {
  describe(`task queue on ${name}`, () => {
    let fixture: QueueFixture;
    let tenant: string;
    const queue = () => fixture.queue;
    const takeAll = (filter: QueueFilter = {}, now = NOW) => queue().take(tenant, filter, now, 1_000);
    const push = (...items: [string, Partial<QueueItem>?][]) =>
      queue().push(items.map(([id, overrides]) => item(tenant, id, overrides)));

    beforeAll(async () => {
      fixture = await open();
      return () => fixture[Symbol.asyncDispose]();
    });

    const inNewTenant = (title: string, run: () => Promise<void>) =>
      test(title, () => {
        tenant = newTenant();
        return run();
      });

    inNewTenant('hands out by rank, then age, then id', async () => {
      await push(['c'], ['b', { rank: 20 }], ['a', { rank: 20, createdAt: NOW - 1 }], ['d', { rank: 5 }], ['e']);
      expect(await takeAll()).toEqual(['d', 'c', 'e', 'a', 'b']);
    });

    inNewTenant('keeps times apart to the millisecond under the highest rank', async () => {
      await push(
        ['b', { rank: 900, createdAt: NOW + 1 }],
        ['a', { rank: 900, createdAt: NOW + 2 }],
        ['z', { rank: 900 }],
      );
      expect(await takeAll()).toEqual(['z', 'b', 'a']);
    });

    inNewTenant('hands out as many as asked for, most urgent first', async () => {
      await push(['a'], ['b'], ['c', { rank: 1 }]);
      expect(await queue().take(tenant, {}, NOW, 2)).toEqual(['c', 'a']);
      expect(await queue().take(tenant, {}, NOW, 0)).toEqual([]);
      expect(await queue().take(tenant, {}, NOW, 2)).toEqual(['b']);
    });

    inNewTenant('hands out nothing before its time', async () => {
      await push(['late', { rank: 1, readyAt: NOW + 5_000 }], ['now']);
      expect(await takeAll({}, NOW)).toEqual(['now']);
      expect(await takeAll({}, NOW + 4_999)).toEqual([]);
      expect(await takeAll({}, NOW + 5_000)).toEqual(['late']);
    });

    inNewTenant('a delayed item takes its place in the order once it is ready', async () => {
      await push(['a'], ['late', { rank: 1, readyAt: NOW + 1 }]);
      expect(await takeAll({}, NOW + 1)).toEqual(['late', 'a']);
    });

    describe('filters', () => {
      const fill = () =>
        push(
          ['t1', { platform: 'taobao', accountId: 'x' }],
          ['t2', { platform: 'taobao', accountId: 'y' }],
          ['j1', { platform: 'jd', accountId: 'x' }],
        );
      inNewTenant('by platform', async () => {
        await fill();
        expect(await takeAll({ platform: 'taobao' })).toEqual(['t1', 't2']);
      });
      inNewTenant('by account', async () => {
        await fill();
        expect(await takeAll({ accountId: 'x' })).toEqual(['j1', 't1']);
      });
      inNewTenant('by both', async () => {
        await fill();
        expect(await takeAll({ platform: 'jd', accountId: 'x' })).toEqual(['j1']);
        expect(await takeAll({ platform: 'jd', accountId: 'y' })).toEqual([]);
        expect(await takeAll()).toEqual(['t1', 't2']);
      });
      inNewTenant('names are compared exactly, whatever they contain', async () => {
        await push(
          ['low', { accountId: 'shop:a' }],
          ['up', { accountId: 'Shop:a' }],
          ['zh', { platform: 'p:a', accountId: '店铺😀' }],
        );
        expect(await takeAll({ accountId: 'Shop:a' })).toEqual(['up']);
        expect(await takeAll({ platform: 'p', accountId: 'a:店铺😀' })).toEqual([]);
        expect(await takeAll({ platform: 'p:a', accountId: '店铺😀' })).toEqual(['zh']);
      });
    });

    inNewTenant('a push of what is there replaces it', async () => {
      await push(['a', { rank: 1, accountId: 'old' }], ['b']);
      await push(['a', { rank: 50, accountId: 'new' }]);
      await push(['a', { rank: 50, accountId: 'new' }]);
      expect(await queue().size(tenant)).toBe(2);
      expect(await takeAll({ accountId: 'old' })).toEqual([]);
      expect(await takeAll()).toEqual(['b', 'a']);
      expect(await queue().size(tenant)).toBe(0);
    });

    inNewTenant('a push can delay what was ready', async () => {
      await push(['a']);
      expect(await takeAll({ accountId: 'nobody' })).toEqual([]);
      await push(['a', { readyAt: NOW + 1 }]);
      expect(await takeAll()).toEqual([]);
      expect(await takeAll({}, NOW + 1)).toEqual(['a']);
    });

    inNewTenant('a push of nothing, and one with the same item twice', async () => {
      await queue().push([]);
      await push(['a', { rank: 1 }], ['a', { rank: 2 }]);
      expect(await takeAll()).toEqual(['a']);
    });

    inNewTenant('removes what it knows and ignores the rest', async () => {
      await push(['a'], ['b'], ['c', { readyAt: NOW + 1 }]);
      await queue().remove(tenant, ['a', 'c', 'unknown']);
      await queue().remove(tenant, []);
      expect(await takeAll({}, NOW + 1)).toEqual(['b']);
    });

    inNewTenant('tenants do not see each other', async () => {
      const otherTenant = newTenant();
      await queue().push([
        item(tenant, 'same', { rank: 1 }),
        item(otherTenant, 'same', { rank: 2 }),
        item(otherTenant, 'own'),
      ]);
      await queue().remove(tenant, ['own']);
      expect(await queue().size(otherTenant)).toBe(2);
      expect(await takeAll()).toEqual(['same']);
      expect(await queue().take(otherTenant, {}, NOW, 10)).toEqual(['same', 'own']);
    });

    inNewTenant('sixteen takers get five hundred items, each once and none left', async () => {
      const ids = Array.from({ length: 500 }, (_, n) => `task-${String(n).padStart(3, '0')}`);
      await queue().push(ids.map((id, n) => item(tenant, id, { rank: n % 7 })));
      const takers = Array.from({ length: 16 }, (_, n) => drain(n % 2 ? fixture.queue : fixture.other, tenant));
      const taken = await Promise.all(takers);
      expect(taken.flat().sort()).toEqual(ids);
    });

    inNewTenant('pushes, removals and takes at once lose nothing and give nothing twice', async () => {
      const ids = Array.from({ length: 100 }, (_, n) => `task-${n}`);
      const doubtful = new Set(ids.filter((_, n) => n % 5 === 0));
      const pushes = ids.map((id) => fixture.other.push([item(tenant, id)]));
      const removals = [...doubtful].map((id) => queue().remove(tenant, [id]));
      const early = Array.from({ length: 20 }, () => queue().take(tenant, {}, NOW, 2));
      const taken = (await Promise.all(early)).flat();
      await Promise.all([...pushes, ...removals]);
      taken.push(...(await takeAll()));
      expect(new Set(taken).size).toBe(taken.length);
      for (const id of ids) if (!doubtful.has(id)) expect(taken).toContain(id);
    });

    describe('waiting', () => {
      inNewTenant('a push of another process wakes those who wait', async () => {
        const waits = Promise.all([queue().waitForPush(tenant, LONG_MS), fixture.other.waitForPush(tenant, LONG_MS)]);
        await fixture.other.push([item(tenant, 'a')]);
        await waits;
        expect(await takeAll()).toEqual(['a']);
      });
      inNewTenant('another tenant’s push does not', async () => {
        const waited = queue()
          .waitForPush(tenant, LONG_MS)
          .then(() => 'woken');
        const otherTenant = newTenant();
        const seen = queue().waitForPush(otherTenant, LONG_MS);
        await fixture.other.push([item(otherTenant, 'a')]);
        await seen;
        expect(await Promise.race([waited, Promise.resolve('waits')])).toBe('waits');
        await push(['b']);
        expect(await waited).toBe('woken');
      });
      inNewTenant('ends after its time, and at once when its signal aborts', async () => {
        await queue().waitForPush(tenant, 1);
        const abort = new AbortController();
        const waited = queue().waitForPush(tenant, LONG_MS, abort.signal);
        abort.abort();
        await waited;
        await queue().waitForPush(tenant, LONG_MS, abort.signal);
      });
    });

    inNewTenant('after it lost everything it is empty and goes on', async () => {
      await push(['a'], ['b', { readyAt: NOW + 1 }]);
      await fixture.clear();
      expect(await queue().fault()).toBeUndefined();
      expect(await queue().size(tenant)).toBe(0);
      expect(await takeAll({}, NOW + 1)).toEqual([]);
      const waited = queue().waitForPush(tenant, LONG_MS);
      await push(['c']);
      await waited;
      expect(await takeAll()).toEqual(['c']);
    });

    inNewTenant('behaves as a sorted list does', () => assertFollowsModel(fixture.queue, newTenant));
  });
}

async function drain(queue: TaskQueue, tenant: string): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const taken = await queue.take(tenant, {}, NOW, 1);
    if (taken.length === 0) return all;
    all.push(...taken);
  }
}
