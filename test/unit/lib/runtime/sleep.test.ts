import { describe, expect, it } from 'vitest';
import { sleep } from '../../../../services/lib/runtime/sleep.ts';

const AN_HOUR = 3_600_000;

describe('sleep', () => {
  it.each([0, -1])('returns at once for %i ms', async (ms) => {
    const next = new Promise((resolve) => setTimeout(resolve, 0, 'timers'));
    expect(await Promise.race([sleep(ms, new AbortController().signal).then(() => 'sleep'), next])).toBe('sleep');
  });

  it('returns after its time', async () => {
    await expect(sleep(1, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('returns without an error when its signal aborts', async () => {
    const stop = new AbortController();
    const sleeping = sleep(AN_HOUR, stop.signal);
    stop.abort();
    await expect(sleeping).resolves.toBeUndefined();
  });

  it('returns when its signal was aborted before', async () => {
    await expect(sleep(AN_HOUR, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
