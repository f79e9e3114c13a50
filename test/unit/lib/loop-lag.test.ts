import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LoopLag } from '../../../services/lib/server/loop-lag.ts';
import { eventually } from '../../eventually.ts';

it('shows how long the event loop has been kept busy, and nothing once it breathes again', async () => {
  using loop = new LoopLag();
  await delay(0);
  const until = performance.now() + 150;
  while (performance.now() < until);
  expect(loop.now()).toBeGreaterThan(100);
  await eventually(() => expect(loop.now()).toBe(0));
});
