import { describe, expect, it } from 'vitest';
import { ServiceRate } from '../../../../../services/lib/http/admission/service-rate.ts';

const MIN_SAMPLES = 16;

/** Records `count` starts, `intervalMs` apart, after `from`; returns the time of the last one. */
function recordStarts(rate: ServiceRate, count: number, intervalMs: number, from = 0): number {
  for (let n = 1; n <= count; n++) rate.recordStart(from + n * intervalMs);
  return from + count * intervalMs;
}

describe('ServiceRate', () => {
  it('is unknown while nothing waits', () => {
    const rate = new ServiceRate(1, 500);
    recordStarts(rate, 100, 1);
    expect(rate.msPerRequest(100)).toBeUndefined();
  });

  it('is unknown before a round of starts or a window of time', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    const now = recordStarts(rate, MIN_SAMPLES - 1, 10);
    expect(rate.msPerRequest(now)).toBeUndefined();
  });

  it('is the mean time between the starts of a round', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    const now = recordStarts(rate, MIN_SAMPLES, 10);
    expect(rate.msPerRequest(now)).toBe(10);
  });

  it('takes as many starts as can run at once for a round', () => {
    const rate = new ServiceRate(100, 5_000);
    rate.queueStarted(0);
    const now = recordStarts(rate, 99, 10);
    expect(rate.msPerRequest(now)).toBeUndefined();
    rate.recordStart(now + 10);
    expect(rate.msPerRequest(now + 10)).toBe(10);
  });

  it('is known after the window of time even with few starts', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    rate.recordStart(400);
    expect(rate.msPerRequest(499)).toBeUndefined();
    expect(rate.msPerRequest(500)).toBe(500);
  });

  it('grows while the next start does not come', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    const now = recordStarts(rate, MIN_SAMPLES, 10);
    expect(rate.msPerRequest(now + 160)).toBe(20);
  });

  it('follows the newest round when work becomes slower', () => {
    const rate = new ServiceRate(1, 5_000);
    rate.queueStarted(0);
    const before = recordStarts(rate, MIN_SAMPLES, 10);
    const now = recordStarts(rate, MIN_SAMPLES, 100, before);
    expect(rate.msPerRequest(now)).toBe(100);
  });

  it('forgets starts that are older than the window', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    recordStarts(rate, 10, 1);
    rate.recordStart(600);
    expect(rate.msPerRequest(600)).toBeCloseTo(590);
  });

  it('begins again when the queue was empty', () => {
    const rate = new ServiceRate(1, 500);
    rate.queueStarted(0);
    const now = recordStarts(rate, MIN_SAMPLES, 10);
    rate.queueEmptied();
    expect(rate.msPerRequest(now)).toBeUndefined();
    rate.queueStarted(now);
    expect(rate.msPerRequest(now)).toBeUndefined();
  });
});
