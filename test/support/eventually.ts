import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `check` until it returns without throwing, and returns its result. Throws what it threw last when that takes longer
 * than `withinMs`: for conditions that the system reaches by itself.
 */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = 10_000, stepMs = 20): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(stepMs);
    }
  }
}
