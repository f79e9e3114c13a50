import { afterEach, describe, expect, it, vi } from 'vitest';
import { AsyncSignal } from '../../../../services/lib/runtime/async-signal.ts';

const never = new AbortController().signal;

/** Whether the promise is settled, after every step that is due now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

describe('AsyncSignal', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends a wait when it is notified', async () => {
    vi.useFakeTimers();
    const signal = new AsyncSignal();
    const wait = signal.wait(1_000, never);
    expect(await isSettled(wait)).toBe(false);
    signal.notify();
    expect(await isSettled(wait)).toBe(true);
  });

  it('keeps a notification that comes while nothing waits for the next wait', async () => {
    vi.useFakeTimers();
    const signal = new AsyncSignal();
    signal.notify();
    expect(await isSettled(signal.wait(1_000, never))).toBe(true);
  });

  it('keeps one notification at most', async () => {
    vi.useFakeTimers();
    const signal = new AsyncSignal();
    signal.notify();
    signal.notify();
    await signal.wait(1_000, never);
    expect(await isSettled(signal.wait(1_000, never))).toBe(false);
  });

  it('ends a wait without a notification after its time', async () => {
    vi.useFakeTimers();
    const wait = new AsyncSignal().wait(1_000, never);
    await vi.advanceTimersByTimeAsync(999);
    expect(await isSettled(wait)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await isSettled(wait)).toBe(true);
  });

  it('ends a wait when its signal aborts', async () => {
    vi.useFakeTimers();
    const stop = new AbortController();
    const wait = new AsyncSignal().wait(1_000, stop.signal);
    stop.abort();
    expect(await isSettled(wait)).toBe(true);
  });

  it('does not wait when its signal was aborted before', async () => {
    vi.useFakeTimers();
    expect(await isSettled(new AsyncSignal().wait(1_000, AbortSignal.abort()))).toBe(true);
  });

  it('leaves no timer behind when a wait ends early', async () => {
    vi.useFakeTimers();
    const signal = new AsyncSignal();
    const wait = signal.wait(1_000, never);
    signal.notify();
    await wait;
    expect(vi.getTimerCount()).toBe(0);
  });
});
