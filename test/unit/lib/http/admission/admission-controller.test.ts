import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  AdmissionController,
  needsAdmission,
  type Permit,
} from '../../../../../services/lib/http/admission/admission-controller.ts';

/** The permit; throws when it is refused. */
const acquired = async (entering: Promise<Permit | undefined>): Promise<Permit> => {
  const permit = await entering;
  if (!permit) throw new Error('refused');
  return permit;
};

describe('the limit of work', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('grants permits up to the limit', async () => {
    const limit = new AdmissionController({ maxConcurrent: 2, maxQueued: 1, maxQueueMs: 500 });
    await acquired(limit.acquire(false));
    await acquired(limit.acquire(false));
    expect(limit.active).toBe(2);
  });

  it('refuses at once when the queue is full', async () => {
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 1, maxQueueMs: 500 });
    const first = await acquired(limit.acquire(false));
    const second = limit.acquire(false);
    expect(await limit.acquire(false)).toBeUndefined();
    first.release();
    await acquired(second);
  });

  it('grants a free permit to the oldest request', async () => {
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 2, maxQueueMs: 500 });
    const first = await acquired(limit.acquire(false));
    const served: string[] = [];
    const waitForPermit = async (name: string) => {
      const permit = await acquired(limit.acquire(false));
      served.push(name);
      return permit;
    };
    const second = waitForPermit('second');
    const third = waitForPermit('third');
    first.release();
    (await second).release();
    await third;
    expect(served).toEqual(['second', 'third']);
    expect(limit.active).toBe(1);
  });

  it('accepts all requests of a turn before it starts the next one', async () => {
    const limit = new AdmissionController({ maxConcurrent: 10, maxQueued: 10, maxQueueMs: 500 });
    const seen: number[] = [];
    const entries = Array.from({ length: 3 }, async () => {
      await acquired(limit.acquire(false));
      seen.push(limit.active);
    });
    expect(limit.active).toBe(0);
    await Promise.all(entries);
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each([
    ['as many as can be begun in half a second', 100, 100, 5],
    ['as many as there is room for, when work is fast', 1, 20, 20],
  ])('lets into the line %s', async (_, intervalMs, maxQueued, expected) => {
    vi.useFakeTimers();
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued, maxQueueMs: 500 });
    let working = await turn(limit.acquire(false));
    let next = limit.acquire(false);
    for (let n = 0; n < 100; n++) {
      const after = limit.acquire(false);
      await vi.advanceTimersByTimeAsync(intervalMs);
      working.release();
      working = await turn(next);
      next = after;
    }
    const line = [next, ...Array.from({ length: maxQueued }, () => limit.acquire(false))];
    const refused = new Set<number>();
    for (const [index, entering] of line.entries()) void entering.then((permit) => permit ?? refused.add(index));
    await vi.advanceTimersByTimeAsync(0);
    expect(line.length - refused.size).toBe(expected);
  });

  it('refuses the newest requests as soon as the queue is too slow for them', async () => {
    vi.useFakeTimers();
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 100, maxQueueMs: 500 });
    const line = new Set<number>();
    const come = async (n: number) => {
      line.add(n);
      const permit = await limit.acquire(false);
      line.delete(n);
      return permit;
    };
    const first = await turn(limit.acquire(false));
    const second = come(0);
    for (let n = 1; n <= 10; n++) void come(n);
    await vi.advanceTimersByTimeAsync(200);
    first.release();
    (await turn(second)).release();
    await vi.advanceTimersByTimeAsync(399);
    void come(11);
    await vi.advanceTimersByTimeAsync(0);
    expect([...line]).toEqual([2, 11]); // two places in 600 ms: the third would have waited for 1,200
    await vi.advanceTimersByTimeAsync(1_000);
  });

  it('forgets the slow rate when the queue is empty', async () => {
    vi.useFakeTimers();
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 100, maxQueueMs: 500 });
    let working = await turn(limit.acquire(false));
    let next = limit.acquire(false);
    for (let n = 0; n < 50; n++) {
      const after = limit.acquire(false);
      await vi.advanceTimersByTimeAsync(400);
      working.release();
      working = await turn(next);
      next = after;
    }
    working.release();
    (await turn(next)).release();
    for (let n = 0; n < 10; n++) (await turn(limit.acquire(false))).release();
    const burst = await Promise.all([
      vi.advanceTimersByTimeAsync(100),
      ...Array.from({ length: 50 }, async () => (await acquired(limit.acquire(false))).release()),
    ]);
    expect(burst).toHaveLength(51);
  });

  /** The permit, which is granted in the next turn of the event loop. */
  async function turn(entering: Promise<Permit | undefined>): Promise<Permit> {
    await vi.advanceTimersByTimeAsync(1);
    return acquired(entering);
  }

  it('refuses a request that has been queued for a second', async () => {
    vi.useFakeTimers();
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 1, maxQueueMs: 500 });
    const first = await turn(limit.acquire(false));
    const waiting = limit.acquire(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toBeUndefined();
    first.release();
    expect(limit.active).toBe(0);
  });

  it('counts a permit that is released twice once', async () => {
    const limit = new AdmissionController({ maxConcurrent: 2, maxQueued: 1, maxQueueMs: 500 });
    const first = await acquired(limit.acquire(false));
    await acquired(limit.acquire(false));
    first.release();
    first.release();
    expect(limit.active).toBe(1);
  });

  it('releases the permit of a long poll after 100 ms', async () => {
    vi.useFakeTimers();
    const limit = new AdmissionController({ maxConcurrent: 1, maxQueued: 1, maxQueueMs: 500 });
    const poll = await turn(limit.acquire(true));
    await vi.advanceTimersByTimeAsync(98);
    expect(limit.active).toBe(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(limit.active).toBe(0);
    poll.release();
    expect(limit.active).toBe(0);
  });

  it.each([
    ['/api/sessions/create', true],
    ['/api/healthy', true],
    ['/autosession.session.v1.SessionService/CreateSession', true],
    ['/', false],
    ['/health', false],
    ['/api/health', false],
    ['/api/health?x=1', false],
    ['/livez', false],
    ['/readyz', false],
    ['/metrics', false],
    ['/grpc.health.v1.Health/Check', false],
  ])('knows whether %s is work', (url, work) => {
    expect(needsAdmission(url)).toBe(work);
  });
});
