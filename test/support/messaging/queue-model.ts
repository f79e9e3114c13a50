import fc from 'fast-check';
import { expect } from 'vitest';
import type { QueueFilter, QueueItem, TaskQueue } from '../../../services/lib/messaging/queue/task-queue.ts';

const NOW = Date.UTC(2026, 0, 31, 12);

type Step =
  | { readonly kind: 'push'; readonly items: readonly Omit<QueueItem, 'tenant'>[] }
  | { readonly kind: 'take'; readonly filter: QueueFilter; readonly count: number; readonly later: number }
  | { readonly kind: 'remove'; readonly ids: readonly string[] };

const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'B');
const platforms = fc.constantFrom('p', 'P', 'q');
const accounts = fc.constantFrom('x', 'X', 'y');
const timestamps = fc.integer({ min: 0, max: 4 }).map((n) => NOW + n);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('push' as const),
      items: fc.array(
        fc.record({
          taskId: ids,
          rank: fc.integer({ min: 0, max: 3 }),
          readyAt: timestamps,
          createdAt: timestamps,
          platform: platforms,
          accountId: accounts,
        }),
        { maxLength: 4 },
      ),
    }),
    fc.record({
      kind: fc.constant('take' as const),
      filter: fc.record({ platform: platforms, accountId: accounts }, { requiredKeys: [] }),
      count: fc.integer({ min: 1, max: 3 }),
      later: fc.integer({ min: 0, max: 2 }),
    }),
    fc.record({ kind: fc.constant('remove' as const), ids: fc.array(ids, { maxLength: 3 }) }),
  ),
  { maxLength: 20 },
);

/** Runs random pushes, removals and takes on the queue and on a sorted list, and expects the same answers. */
export async function assertFollowsModel(queue: TaskQueue, newTenant: () => string): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const tenant = newTenant();
      const model = new QueueModel();
      let now = NOW;
      for (const step of all) {
        if (step.kind === 'push') {
          model.push(step.items);
          await queue.push(step.items.map((item) => ({ ...item, tenant })));
        } else if (step.kind === 'remove') {
          model.remove(step.ids);
          await queue.remove(tenant, step.ids);
        } else {
          now += step.later;
          expect(await queue.take(tenant, step.filter, now, step.count)).toEqual(model.take(step, now));
        }
        expect(await queue.size(tenant)).toBe(model.size);
      }
    }),
    { numRuns: 60 },
  );
}

/** A simple, slow model of the queue. */
class QueueModel {
  readonly #items = new Map<string, Omit<QueueItem, 'tenant'>>();

  get size(): number {
    return this.#items.size;
  }

  push(items: readonly Omit<QueueItem, 'tenant'>[]): void {
    for (const item of items) this.#items.set(item.taskId, item);
  }

  remove(taskIds: readonly string[]): void {
    for (const id of taskIds) this.#items.delete(id);
  }

  take({ filter, count }: { filter: QueueFilter; count: number }, now: number): string[] {
    const matching = [...this.#items.values()].filter(
      (item) =>
        item.readyAt <= now &&
        (filter.platform ?? item.platform) === item.platform &&
        (filter.accountId ?? item.accountId) === item.accountId,
    );
    matching.sort((a, b) => a.rank - b.rank || a.createdAt - b.createdAt || (a.taskId < b.taskId ? -1 : 1));
    const taken = matching.slice(0, count).map((item) => item.taskId);
    this.remove(taken);
    return taken;
  }
}
