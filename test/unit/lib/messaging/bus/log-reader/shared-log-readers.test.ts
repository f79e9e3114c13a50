import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogGenerationError, type LoggedEvent } from '../../../../../../services/lib/messaging/bus/event-log.ts';
import { SharedLogReaders } from '../../../../../../services/lib/messaging/bus/log-reader/shared-log-readers.ts';
import { MemoryEventLog } from '../../../../../support/gateway/memory-event-log.ts';

let log: MemoryEventLog;
let tails: SharedLogReaders;
let stop: AbortController;

beforeEach(() => {
  log = new MemoryEventLog();
  tails = new SharedLogReaders((after, signal) => log.tail(after, signal), { maxEvents: 10, maxBytes: 1_000_000 });
  stop = new AbortController();
});
afterEach(() => stop.abort());

const add = (count: number) => Array.from({ length: count }, () => log.add());

function readerFrom(after: bigint, incarnation = 'log-1') {
  const iterator = tails.tail(after, stop.signal, incarnation)[Symbol.asyncIterator]();
  const got: LoggedEvent[] = [];
  return {
    got,
    next: async () => {
      const { done, value } = await iterator.next();
      if (!done) got.push(...value);
    },
    /** Reads on until it is there. */
    async to(position: bigint) {
      while ((got.at(-1)?.position ?? after) < position) await this.next();
    },
    positions: () => got.map(({ position }) => Number(position)),
    end: () => iterator.return(undefined),
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

it('gives subscribers at one position the same records, read once', async () => {
  const [a, b] = [readerFrom(0n), readerFrom(0n)];
  const both = Promise.all([a.to(3n), b.to(3n)]);
  const added = add(3);
  await both;
  expect(a.got).toEqual(added);
  for (const [index, event] of a.got.entries()) expect(b.got[index]).toBe(event);
  expect(log.openTails).toBe(1);
});

it('serves a subscriber that is a little behind from memory', async () => {
  const ahead = readerFrom(0n);
  add(5);
  await ahead.to(5n);
  const behind = readerFrom(2n);
  await behind.to(5n);
  expect(behind.positions()).toEqual([3, 4, 5]);
  expect(log.openTails).toBe(1);
});

it('has a slow reader read for itself, without a gap, until it is with the others again', async () => {
  const [fast, slow] = [readerFrom(0n), readerFrom(0n)];
  add(1);
  await Promise.all([fast.to(1n), slow.to(1n)]);
  for (let to = 11n; to <= 51n; to += 10n) {
    add(10);
    await fast.to(to);
  }
  await slow.next();
  expect(log.openTails).toBe(2);
  await slow.to(51n);
  const both = Promise.all([fast.to(52n), slow.to(52n)]);
  add(1);
  await both;
  expect(slow.positions()).toEqual(range(1, 52));
  expect(fast.positions()).toEqual(range(1, 52));
  expect(log.openTails).toBe(1);
});

it('does not have a reader at the end wait for one that is far behind', async () => {
  add(1_000);
  const behind = readerFrom(0n);
  await behind.next();
  const end = readerFrom(1_000n);
  const next = end.to(1_001n);
  add(1);
  await next;
  expect(end.positions()).toEqual([1_001]);
  const both = Promise.all([behind.to(1_002n), end.to(1_002n)]);
  add(1);
  await both;
  expect(behind.positions()).toEqual(range(1, 1_002));
  expect(log.openTails).toBe(1);
});

it('brings readers together that began a few records apart', async () => {
  add(20);
  const readers = [18n, 20n, 19n, 17n].map((after) => readerFrom(after));
  for (let to = 21n; to <= 23n; to++) {
    const all = Promise.all(readers.map((reader) => reader.to(to)));
    add(1);
    await all;
  }
  expect(readers.map((reader) => reader.positions())).toEqual([19, 21, 20, 18].map((from) => range(from, 23)));
  expect(log.openTails).toBe(1);
});

it('gives a waiting subscriber all of a batch, whatever its size', async () => {
  const reader = readerFrom(0n);
  add(50);
  await reader.to(50n);
  expect(reader.positions()).toEqual(range(1, 50));
  expect(log.openTails).toBe(1);
});

it('ends every subscription with LogGenerationError when the log was recreated, and starts again on the new one', async () => {
  const readers = [readerFrom(0n), readerFrom(0n), readerFrom(1n)];
  add(2);
  await Promise.all(readers.map((reader) => reader.to(2n)));
  const ends = Promise.allSettled(readers.map((reader) => reader.next()));
  log.wipe();
  for (const end of await ends) expect(end).toMatchObject({ reason: expect.any(LogGenerationError) });
  const again = [readerFrom(0n, 'log-2'), readerFrom(0n, 'log-2')];
  const added = log.add();
  await Promise.all(again.map((reader) => reader.to(1n)));
  for (const { got } of again) expect(got).toEqual([added]);
  expect(log.openTails).toBe(1);
});

it('does not give a reader of the new log what belongs to the old one', async () => {
  const stale = readerFrom(0n);
  add(2);
  await stale.to(2n);
  log.wipe();
  const added = log.add();
  const fresh = readerFrom(0n, 'log-2');
  await fresh.to(1n);
  expect(fresh.got).toEqual([added]);
  await expect(stale.next()).rejects.toBeInstanceOf(LogGenerationError);
});

it('goes on for the others when one ends, and ends with the last one', async () => {
  const [a, b] = [readerFrom(0n), readerFrom(0n)];
  add(1);
  await Promise.all([a.to(1n), b.to(1n)]);
  await a.end();
  add(1);
  await b.to(2n);
  expect(log.openTails).toBe(1);
  await b.end();
  expect(log.openTails).toBe(0);
});

it('ends a waiting subscriber, and its read, when its signal aborts', async () => {
  const reader = readerFrom(0n);
  const next = reader.next();
  stop.abort();
  await next;
  expect(reader.got).toEqual([]);
  expect(log.openTails).toBe(0);
});
