import { setTimeout as delay } from 'node:timers/promises';

/** Waits for `ms` milliseconds or until the signal aborts. Returns at once for 0 and less. Never throws. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await delay(ms, undefined, { signal }).catch(() => {});
}
