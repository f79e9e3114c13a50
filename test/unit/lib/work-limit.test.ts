import { afterEach, describe, expect, it, vi } from 'vitest';
import { isWork, type Place, WorkLimit } from '../../../services/lib/server/work-limit.ts';

const taken = (place: unknown): Place => {
  expect(place).toMatchObject({ leave: expect.any(Function) });
  return place as Place;
};

describe('the limit of work', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives a place at once while there are some', () => {
    const limit = new WorkLimit({ atOnce: 2, waiting: 0 });
    taken(limit.enter(false));
    taken(limit.enter(false));
    expect(limit.working).toBe(2);
  });

  it('refuses at once when places and line are full', () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 0 });
    taken(limit.enter(false));
    expect(limit.enter(false)).toBeUndefined();
  });

  it('gives a free place to whoever waits longest', async () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 2 });
    const first = taken(limit.enter(false));
    const served: string[] = [];
    const standInLine = async (name: string) => {
      const place = await limit.enter(false);
      served.push(name);
      return place;
    };
    const second = standInLine('second');
    const third = standInLine('third');
    first.leave();
    taken(await second).leave();
    taken(await third);
    expect(served).toEqual(['second', 'third']);
    expect(limit.working).toBe(1);
  });

  it('refuses while the event loop is more than half a second behind', () => {
    let lag = 501;
    const limit = new WorkLimit({ atOnce: 1, waiting: 1, lag: () => lag });
    expect(limit.enter(false)).toBeUndefined();
    lag = 500;
    taken(limit.enter(false));
  });

  it('lets nobody into the line who would wait for more than half a second', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 100 });
    let working = taken(limit.enter(false));
    let next = limit.enter(false);
    for (let turn = 0; turn < 60; turn++) {
      vi.advanceTimersByTime(100);
      working.leave();
      working = taken(await next);
      next = limit.enter(false);
    }
    // a place every 100 ms: with the one in line, five can be had in half a second
    const fresh = Array.from({ length: 10 }, () => limit.enter(false));
    expect(fresh.filter((place) => place !== undefined)).toHaveLength(4);
  });

  it('forms a line again when the work goes faster', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 100 });
    let working = taken(limit.enter(false));
    for (const pause of [...Array(60).fill(400), ...Array(60).fill(1)]) {
      const next = limit.enter(false);
      vi.advanceTimersByTime(pause);
      working.leave();
      working = taken(await next);
    }
    const fresh = Array.from({ length: 50 }, () => limit.enter(false));
    expect(fresh).not.toContain(undefined);
  });

  it('refuses who has waited for a second all the same', async () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 1 });
    const first = taken(limit.enter(false));
    const waiting = limit.enter(false);
    vi.advanceTimersByTime(1_000);
    expect(await waiting).toBeUndefined();
    first.leave();
    expect(limit.working).toBe(0);
  });

  it('counts a place that is left twice once', () => {
    const limit = new WorkLimit({ atOnce: 2, waiting: 0 });
    const first = taken(limit.enter(false));
    taken(limit.enter(false));
    first.leave();
    first.leave();
    expect(limit.working).toBe(1);
  });

  it('takes the place of what waits for something else back after 100 ms', () => {
    vi.useFakeTimers();
    const limit = new WorkLimit({ atOnce: 1, waiting: 0 });
    const poll = taken(limit.enter(true));
    vi.advanceTimersByTime(99);
    expect(limit.working).toBe(1);
    vi.advanceTimersByTime(1);
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
