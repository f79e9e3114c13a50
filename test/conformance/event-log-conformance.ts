import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AppendError,
  type EventLog,
  LogGenerationError,
  type LoggedEvent,
} from '../../services/lib/messaging/bus/event-log.ts';
import { logRecord, readWholeLog, sequenceUpTo, sessionRecords } from '../support/messaging/test-event-bus.ts';

/** The backend under test of the event log suite. Every test gets its own log. */
export interface EventLogFixture extends AsyncDisposable {
  readonly log: EventLog;
  /** A second adapter for the same log, like another process's. */
  readonly other: EventLog;
  /** Deletes the log with all its records. */
  wipe(): Promise<void>;
}

/** Reads a tail until `enough`, then closes it. */
export async function readTail(
  log: EventLog,
  after: bigint,
  enough: (events: readonly LoggedEvent[]) => boolean,
  incarnation?: string,
): Promise<LoggedEvent[]> {
  const stop = new AbortController();
  const events: LoggedEvent[] = [];
  for await (const batch of log.tail(after, stop.signal, incarnation ?? (await log.bounds()).generationId)) {
    events.push(...batch);
    if (enough(events)) stop.abort();
  }
  return events;
}

const hasReached = (position: bigint) => (events: readonly LoggedEvent[]) =>
  (events.at(-1)?.position ?? 0n) >= position;
const numbers = (events: readonly LoggedEvent[]) => events.map(({ sourceSeq }) => sourceSeq);

/** The guarantees of every event log. */
export function eventLogConformance(name: string, open: () => Promise<EventLogFixture>): void {
  describe(`event log on ${name}`, () => {
    let fixture: EventLogFixture;
    const append = async (...records: ReturnType<typeof sessionRecords>) =>
      (await fixture.log.writer()).append(records);

    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture[Symbol.asyncDispose]());

    it('returns the appended records', async () => {
      const records = [
        logRecord({ tenant: 't1', payload: Buffer.from('ä') }),
        logRecord({ source: 'handover', sourceSeq: 7 }),
      ];
      const positions = await append(...records);
      const read = await fixture.other.read(0n, 10);
      expect(read.map(({ payload, ...rest }) => ({ ...rest, payload: Buffer.from(payload) }))).toEqual(
        records.map((one, index) => ({ ...one, position: positions[index] })),
      );
    });

    it('returns its lineage once it is written, and the order of each record', async () => {
      const writer = await fixture.log.writer();
      const { generationId } = writer;
      expect((await fixture.other.bounds()).lineage).toBeUndefined();
      const earlier = [
        { name: 'a', number: 1, replayed: 7n, reached: 9n },
        { name: 'b', number: 2 },
      ];
      const lineage = { name: generationId, number: 3, replayed: 1n, earlier, forgotten: 2_000_000_000_009n };
      await writer.saveLineage(lineage);
      expect((await fixture.other.bounds()).lineage).toEqual(lineage);
      await writer.append([logRecord({ order: 2_000_000_000_010n }), logRecord()]);
      expect((await fixture.other.read(0n, 10)).map(({ order }) => order)).toEqual([2_000_000_000_010n, undefined]);
      await writer.recreate();
      expect((await fixture.log.bounds()).lineage).toBeUndefined();
      await expect(writer.saveLineage(lineage)).rejects.toBeInstanceOf(LogGenerationError);
    });

    it('stores the lineage of very many generations', async () => {
      const writer = await fixture.log.writer();
      const earlier = sequenceUpTo(500).map((number) => ({
        name: `AUTOSESSION-01M8PYT62CFQRNTZKPA0MHM${number}`,
        number,
      }));
      await writer.saveLineage({ name: writer.generationId, number: 501, earlier, forgotten: 0n });
      expect((await fixture.log.bounds()).lineage).toMatchObject({ number: 501, earlier: earlier.slice(-29) });
    });

    it('keeps the order per session with rising positions', async () => {
      const a = sessionRecords('ses_a', 50);
      const b = sessionRecords('ses_b', 50);
      const positions = await append(...a.flatMap((one, index) => [one, b[index]!]));
      expect(positions.every((position) => typeof position === 'bigint')).toBe(true);
      const all = await readWholeLog(fixture.log);
      for (const sessionId of ['ses_a', 'ses_b'])
        expect(numbers(all.filter((event) => event.sessionId === sessionId))).toEqual(sequenceUpTo(50));
      expect(all.map(({ position }) => position)).toEqual(sequenceUpTo(100).map(BigInt));
    });

    it('reads pages from a position to the end', async () => {
      await append(...sessionRecords('ses_a', 5));
      const [first, second] = await fixture.log.read(0n, 2);
      expect([first?.sourceSeq, second?.sourceSeq]).toEqual([1, 2]);
      expect(numbers(await fixture.log.read(second!.position, 10))).toEqual([3, 4, 5]);
      expect(await fixture.log.read(5n, 10)).toEqual([]);
    });

    it('reports the same bounds in every process', async () => {
      const empty = await fixture.log.bounds();
      expect(empty).toMatchObject({ before: 0n, last: 0n });
      await append(...sessionRecords('ses_a', 3));
      expect(await fixture.other.bounds()).toEqual({ ...empty, last: 3n });
    });

    it('has one generation when two processes create it at once', async () => {
      const [a, b] = await Promise.all([fixture.log.bounds(), fixture.other.bounds()]);
      expect(a.generationId).toBe(b.generationId);
    });

    it('tails without gaps while others append', async () => {
      const tail = readTail(fixture.log, 0n, (events) => events.length >= 600);
      for (let part = 0; part < 6; part++) await append(...sessionRecords(`ses_${part}`, 100));
      expect((await tail).map(({ position }) => position)).toEqual(sequenceUpTo(600).map(BigInt));
    });

    it('tails what another process appends', async () => {
      const tail = readTail(fixture.other, 0n, (events) => events.length >= 2);
      await append(...sessionRecords('ses_a', 2));
      expect(numbers(await tail)).toEqual([1, 2]);
    });

    it('continues a tail from a position', async () => {
      await append(...sessionRecords('ses_a', 4));
      const tail = readTail(fixture.log, 2n, (events) => events.length >= 3);
      await append(logRecord({ sessionId: 'ses_a', sourceSeq: 5 }));
      expect(numbers(await tail)).toEqual([3, 4, 5]);
    });

    it('ends a waiting tail on abort', async () => {
      const stop = new AbortController();
      const { generationId } = await fixture.log.bounds();
      const next = fixture.log.tail(0n, stop.signal, generationId)[Symbol.asyncIterator]().next();
      stop.abort();
      expect((await next).done).toBe(true);
    });

    it('is a new generation after it was wiped, for tails and for writers', async () => {
      await append(...sessionRecords('ses_a', 3));
      const { generationId } = await fixture.log.bounds();
      const writer = await fixture.log.writer();
      const tail = readTail(fixture.log, 3n, () => false, generationId);
      tail.catch(() => {});
      await fixture.wipe();
      const fresh = await fixture.other.bounds();
      expect(fresh).toMatchObject({ before: 0n, last: 0n });
      expect(fresh.generationId).not.toBe(generationId);
      await expect(tail).rejects.toBeInstanceOf(LogGenerationError);
      await expect(writer.bounds()).rejects.toThrow();
      const [late] = await writer.append([logRecord()]);
      expect(late).toBeInstanceOf(AppendError);
      expect(late).toMatchObject({ reason: 'lost' });
      expect(await fixture.log.read(0n, 10)).toEqual([]);
      expect(await append(logRecord())).toEqual([1n]);
    });

    it('is a new generation after it was recreated, also for other writers', async () => {
      await append(...sessionRecords('ses_a', 3));
      const before = await fixture.log.bounds();
      const stale = await fixture.other.writer();
      await (await fixture.log.writer()).recreate();
      expect(await fixture.log.bounds()).toMatchObject({ before: 0n, last: 0n });
      expect((await fixture.log.bounds()).generationId).not.toBe(before.generationId);
      expect(await stale.append([logRecord()])).toMatchObject([{ reason: 'lost' }]);
      await stale.recreate();
      expect(await append(logRecord())).toEqual([1n]);
    });

    it('gives each of several tails all records from its own position', async () => {
      await append(...sessionRecords('ses_a', 400));
      const { generationId } = await fixture.log.bounds();
      const from = [400n, 0n, 390n, 400n, 100n];
      const tails = from.map((after) => readTail(fixture.log, after, hasReached(700n), generationId));
      for (let part = 0; part < 3; part++) await append(...sessionRecords(`ses_${part}`, 100));
      const positions = (await Promise.all(tails)).map((events) => events.map(({ position }) => position));
      expect(positions).toEqual(from.map((after) => sequenceUpTo(700).map(BigInt).slice(Number(after))));
    });

    it('ends every tail when it is recreated', async () => {
      await append(...sessionRecords('ses_a', 3));
      const { generationId } = await fixture.log.bounds();
      const tails = [0n, 2n, 3n].map((after) => readTail(fixture.log, after, () => false, generationId));
      const ends = Promise.allSettled(tails);
      await readTail(fixture.log, 0n, hasReached(3n), generationId);
      await (await fixture.log.writer()).recreate();
      await append(logRecord());
      for (const end of await ends) expect(end).toMatchObject({ reason: expect.any(LogGenerationError) });
      expect(await readTail(fixture.log, 0n, hasReached(1n))).toHaveLength(1);
    });

    it('does not tail another generation than the given one, nor from a position after its end', async () => {
      const stop = new AbortController();
      const { generationId: present } = await fixture.log.bounds();
      const first = (after: bigint, incarnation: string) =>
        fixture.log.tail(after, stop.signal, incarnation)[Symbol.asyncIterator]().next();
      await expect(first(0n, 'another')).rejects.toBeInstanceOf(LogGenerationError);
      await expect(first(5n, present)).rejects.toBeInstanceOf(LogGenerationError);
    });

    it('reports no error while it answers', async () => {
      expect(await fixture.log.fault()).toBeUndefined();
    });
  });
}
