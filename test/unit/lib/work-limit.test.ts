import { afterEach, describe, expect, it, vi } from 'vitest';
import { isWork, type Place, WorkLimit } from '../../../services/lib/server/work-limit.ts';

/** The place, which has to be one. */
const placeOf = async (entering: Promise<Place | undefined>): Promise<Place> => {
  const place = await entering;
  if (!place) throw new Error('refused');
  return place;
};

describe('the limit of work', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives places while there are some', async () => {
    const limit = new WorkLimit({ atOnce: 2, waiting: 1, patienceMs: 500 });
    await placeOf(limit.enter(false));
    await placeOf(limit.enter(false));
    expect(limit.working).toBe(2);
  });

  it('refuses at once when the line is full', async () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 1, patienceMs: 500 });
    const first = await placeOf(limit.enter(false));
    const second = limit.enter(false);
    expect(await limit.enter(false)).toBeUndefined();
    first.leave();
    await placeOf(second);
  });

  it('gives a free place to whoever waits longest', async () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 2, patienceMs: 500 });
    const first = await placeOf(limit.enter(false));
    const served: string[] = [];
    const standInLine = async (name: string) => {
      const place = await placeOf(limit.enter(false));
      served.push(name);
      return place;
    };
    const second = standInLine('second');
    const third = standInLine('third');
    first.leave();
    (await second).leave();
    await third;
    expect(served).toEqual(['second', 'third']);
    expect(limit.working).toBe(1);
  });

  it('sees everybody who is there before it begins the next work', async () => {
    const limit = new WorkLimit({ atOnce: 10, waiting: 10, patienceMs: 500 });
    const seen: number[] = [];
    const cameIn = Array.from({ length: 3 }, async () => {
      await placeOf(limit.enter(false));
      seen.push(limit.working);
    });
    expect(limit.working).toBe(0);
    await Promise.all(cameIn);
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each([
    ['as many as can be begun in half a second', 100, 100, 5],
    ['as many as there is room for, when work is fast', 1, 20, 20],
  ])('lets into the line %s', async (_, everyMs, waiting, expected) => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting, patienceMs: 500 });
    let working = await turn(limit.enter(false));
    let next = limit.enter(false);
    for (let n = 0; n < 100; n++) {
      const after = limit.enter(false);
      await vi.advanceTimersByTimeAsync(everyMs);
      working.leave();
      working = await turn(next);
      next = after;
    }
    const line = [next, ...Array.from({ length: waiting }, () => limit.enter(false))];
    const refused = new Set<number>();
    for (const [index, entering] of line.entries()) void entering.then((place) => place ?? refused.add(index));
    await vi.advanceTimersByTimeAsync(0);
    expect(line.length - refused.size).toBe(expected);
  });

  it('refuses the last in the line as soon as it has become too slow for them', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 100, patienceMs: 500 });
    const line = new Set<number>();
    const come = async (n: number) => {
      line.add(n);
      const place = await limit.enter(false);
      line.delete(n);
      return place;
    };
    const first = await turn(limit.enter(false));
    const second = come(0);
    for (let n = 1; n <= 10; n++) void come(n);
    await vi.advanceTimersByTimeAsync(200);
    first.leave();
    (await turn(second)).leave();
    await vi.advanceTimersByTimeAsync(399);
    void come(11);
    await vi.advanceTimersByTimeAsync(0);
    expect([...line]).toEqual([2, 11]); // two places in 600 ms: the third would have waited for 1,200
    await vi.advanceTimersByTimeAsync(1_000);
  });

  it('forgets that work was slow once nobody waits any more', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 100, patienceMs: 500 });
    let working = await turn(limit.enter(false));
    let next = limit.enter(false);
    for (let n = 0; n < 50; n++) {
      const after = limit.enter(false);
      await vi.advanceTimersByTimeAsync(400);
      working.leave();
      working = await turn(next);
      next = after;
    }
    working.leave();
    (await turn(next)).leave();
    for (let n = 0; n < 10; n++) (await turn(limit.enter(false))).leave();
    const burst = await Promise.all([
      vi.advanceTimersByTimeAsync(100),
      ...Array.from({ length: 50 }, async () => (await placeOf(limit.enter(false))).leave()),
    ]);
    expect(burst).toHaveLength(51);
  });

  /** The place, which comes with the next turn of the event loop. */
  async function turn(entering: Promise<Place | undefined>): Promise<Place> {
    await vi.advanceTimersByTimeAsync(1);
    return placeOf(entering);
  }

  it('refuses who has waited for a second', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 1, patienceMs: 500 });
    const first = await turn(limit.enter(false));
    const waiting = limit.enter(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toBeUndefined();
    first.leave();
    expect(limit.working).toBe(0);
  });

  it('counts a place that is left twice once', async () => {
    const limit = new WorkLimit({ atOnce: 2, waiting: 1, patienceMs: 500 });
    const first = await placeOf(limit.enter(false));
    await placeOf(limit.enter(false));
    first.leave();
    first.leave();
    expect(limit.working).toBe(1);
  });

  it('takes the place of what waits for something else back after 100 ms', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 1, patienceMs: 500 });
    const poll = await turn(limit.enter(true));
    await vi.advanceTimersByTimeAsync(98);
    expect(limit.working).toBe(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(limit.working).toBe(0);
    poll.leave();
    expect(limit.working).toBe(0);
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
    expect(isWork(url)).toBe(work);
  });
});
