import { expect, test } from 'vitest';
import { forEachConcurrent } from '../../../../services/lib/runtime/concurrency.ts';

test('at most the given number of items is worked on at a time, and all of them in the end', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachConcurrent([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  expect({ most, done }).toEqual({ most: 2, done: [1, 2, 3, 4, 5] });
});

test('after a failure nothing else begins, and the error comes once everything that had begun has ended', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const second = Promise.withResolvers<void>();
  const all = forEachConcurrent([1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 1) {
      setImmediate(second.resolve);
      throw new Error('first');
    }
    await second.promise;
    ended.push(item);
    throw new Error('second');
  });
  await expect(all).rejects.toThrow('first');
  expect({ begun, ended }).toEqual({ begun: [1, 2], ended: [2] });
});
