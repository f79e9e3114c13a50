import { describe, expect, it } from 'vitest';
import { encodeCursor } from '../../../../services/gateway/events/cursor.ts';
import type { LoggedEvent } from '../../../../services/lib/messaging/bus/event-log.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';

const id = ({ eventId }: LoggedEvent) => eventId;

/** A system with `count` events in its log. */
function harnessWith(count: number) {
  const harness = watchHarness({ limits: { maxEvents: 100, maxBytes: 1e6 } });
  const events = Array.from({ length: count }, () => harness.log.add());
  /** Loses the log; the relay publishes its records again. */
  const lose = () => {
    harness.log.wipe();
    harness.log.writeLineage();
    for (const event of events) harness.log.replay(event);
  };
  return { harness, events, lose };
}

describe('when the log is lost and refilled', () => {
  it('a connected stream that was up to date shows only new events', async () => {
    const { harness, lose } = harnessWith(20);
    await using _ = harness;
    using stream = await harness.watch();
    const before = [harness.log.add(), harness.log.add()];
    expect(await stream.take(2)).toEqual(before.map(id));
    lose();
    for (const event of before) harness.log.replay(event);
    const after = [harness.log.add(), harness.log.add()];
    expect(await stream.take(2)).toEqual(after.map(id));
  });

  it('a client that reconnects receives the events that it has not seen, and then new ones, from any cursor', async () => {
    const { harness, events, lose } = harnessWith(30);
    await using _ = harness;
    using first = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 0n }) });
    const cursors = [first.first.cursor];
    for (let i = 0; i < 30; i++) cursors.push((await first.next()).cursor);
    lose();
    const after = harness.log.add();
    for (const [index, cursor] of cursors.entries()) {
      using again = await harness.watch({ cursor });
      expect(await again.take(31 - index)).toEqual([...events.slice(index), after].map(id));
    }
  });

  it('a client may reconnect during the replay, from every cursor that it received there', async () => {
    const { harness, events, lose } = harnessWith(30);
    await using _ = harness;
    const old = encodeCursor({ generationId: 'log-1', position: 10n });
    lose();
    using stream = await harness.watch({ cursor: old });
    const seen = [stream.first];
    for (let i = 0; i < 20; i++) seen.push(await stream.next());
    expect(seen.slice(1).map(({ kind }) => kind)).toEqual(events.slice(10).map(id));
    const after = harness.log.add();
    for (const [index, { cursor }] of seen.entries()) {
      using again = await harness.watch({ cursor });
      expect(await again.take(21 - index)).toEqual([...events.slice(10 + index), after].map(id));
    }
  });

  it('a stream continues across any number of losses', async () => {
    const { harness, events, lose } = harnessWith(10);
    await using _ = harness;
    using stream = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 5n }) });
    expect(await stream.take(5)).toEqual(events.slice(5).map(id));
    let cursor = '';
    for (let loss = 0; loss < 4; loss++) {
      lose();
      const next = harness.log.add();
      events.push(next);
      const got = await stream.next();
      expect(got.kind).toBe(next.eventId);
      cursor = got.cursor;
      if (loss % 2 === 1) lose(); // a loss before any new event
    }
    using again = await harness.watch({ cursor });
    const last = harness.log.add();
    expect(await again.take(1)).toEqual([last.eventId]);
  });

  it('a stream waits with its old cursor until the relay has examined the new log', async () => {
    const { harness, events } = harnessWith(3);
    await using _ = harness;
    using stream = await harness.watch();
    const seen = harness.log.add();
    const { cursor } = await stream.next();
    harness.log.wipe();
    using again = await harness.watch({ cursor });
    expect([again.first.kind, again.first.cursor]).toEqual(['heartbeat', cursor]);
    harness.log.writeLineage();
    for (const event of [...events, seen]) harness.log.replay(event);
    const after = harness.log.add();
    expect([await stream.take(1), await again.take(1)]).toEqual([[after.eventId], [after.eventId]]);
  });

  it('no connected stream repeats events that were published but not marked', async () => {
    const { harness, lose } = harnessWith(3);
    await using _ = harness;
    using stream = await harness.watch();
    const unmarked = harness.log.add({ sessionId: 'ses_x' });
    expect(await stream.take(1)).toEqual([unmarked.eventId]);
    lose();
    harness.log.add({ eventId: unmarked.eventId, sessionId: 'ses_x' });
    const after = harness.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('filters apply, and do not stop a stream from continuing', async () => {
    const { harness, lose } = harnessWith(5);
    await using _ = harness;
    using acme = await harness.watch({}, 'acme');
    using account = await harness.watch({ accountId: 'a1' });
    const behind = encodeCursor({ generationId: 'log-1', position: 5n });
    const mine = [harness.log.add({}, 'acme'), harness.log.add({ accountId: 'a1' })];
    expect([await acme.take(1), await account.take(1)]).toEqual([[mine[0]?.eventId], [mine[1]?.eventId]]);
    lose();
    for (const event of mine) harness.log.replay(event);
    using late = await harness.watch({ cursor: behind, accountId: 'a1' });
    expect(await late.take(1)).toEqual([mine[1]?.eventId]);
    const next = [harness.log.add({}, 'acme'), harness.log.add({ accountId: 'a1' })];
    expect([await acme.take(1), await account.take(1), await late.take(1)]).toEqual([
      [next[0]?.eventId],
      [next[1]?.eventId],
      [next[1]?.eventId],
    ]);
  });

  it('a client that missed more than memory holds receives all of it', async () => {
    const { harness, events, lose } = harnessWith(2_000);
    await using _ = harness;
    lose();
    const after = harness.log.add();
    using late = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 700n }) });
    expect(await late.take(1_301)).toEqual([...events.slice(700), after].map(id));
  });
});

describe('a stream without a cursor', () => {
  it.each([
    ['before the relay has examined the new log', 0],
    ['while the log is refilled', 6],
    ['when the log has been refilled', 12],
  ])('that begins %s shows nothing that is older than it', async (_, filled) => {
    const { harness, events } = harnessWith(12);
    await using _harness = harness;
    harness.log.wipe();
    if (filled > 0) harness.log.writeLineage();
    for (const event of events.slice(0, filled)) harness.log.replay(event);
    using stream = await harness.watch();
    harness.log.writeLineage();
    for (const event of events.slice(filled)) harness.log.replay(event);
    const after = harness.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('shows no old events after its log was lost', async () => {
    const { harness, lose } = harnessWith(12);
    await using _ = harness;
    using stream = await harness.watch();
    lose();
    const after = harness.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });
});

describe('when the log was restored to an earlier state', () => {
  it('a stream of a later generation waits until the restored copy is replaced', async () => {
    const { harness, events, lose } = harnessWith(5);
    await using _ = harness;
    lose();
    const later = { generationId: 'log-7', generationNumber: 7, position: 3n };
    using stream = await harness.watch({ cursor: encodeCursor(later) });
    expect(stream.first.kind).toBe('heartbeat');
    harness.log.startGeneration(8);
    harness.log.writeLineage();
    for (const event of events) harness.log.replay(event);
    const after = harness.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('a stream beyond its end waits for the log that replaces it', async () => {
    const { harness, events, lose } = harnessWith(10);
    await using _ = harness;
    using stream = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 8n }) });
    expect(await stream.take(2)).toEqual(events.slice(8).map(id));
    harness.log.truncate(4n);
    using again = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 9n }) });
    expect(again.first.kind).toBe('heartbeat');
    lose();
    const after = harness.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
    expect(await again.take(2)).toEqual([events[9]?.eventId, after.eventId]);
  });
});
