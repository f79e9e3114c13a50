import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `check` until it does not throw, and returns its result. Throws its last error after `withinMs`. For conditions that
 * the system reaches by itself.
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
