import { expect, test } from 'vitest';
import { RecentCache } from '../../../../services/lib/cache/recent-cache.ts';

test('what happened last is remembered, as it was last', () => {
  const recently = new RecentCache<number>(2);
  recently.set('a', 1);
  recently.set('a', 2);
  expect(recently.get('a')).toBe(2);
  expect(recently.get('b')).toBeUndefined();
});

test('what happened longest ago is forgotten first', () => {
  const recently = new RecentCache<number>(2);
  recently.set('a', 1);
  recently.set('b', 1);
  recently.set('a', 2);
  recently.set('c', 1);
  expect([recently.get('a'), recently.get('b'), recently.get('c')]).toEqual([2, undefined, 1]);
});
