import { describe, expect, it } from 'vitest';
import { writeCursor } from '../../../services/gateway/events/cursor.ts';
import type { LoggedEvent } from '../../../services/lib/bus/event-log.ts';
import { watchWorld } from './watch-fixture.ts';

const id = ({ eventId }: LoggedEvent) => eventId;

/** A system with `count` events in its log. */
function worldWith(count: number) {
  const world = watchWorld({ limits: { events: 100, bytes: 1e6 } });
  const events = Array.from({ length: count }, () => world.log.add());
  /** Loses the log; the relay publishes its records again. */
  const lose = () => {
    world.log.wipe();
    world.log.describe();
    for (const event of events) world.log.replay(event);
  };
  return { world, events, lose };
}

describe('when the log is lost and refilled', () => {
  it('a connected stream that was up to date shows only new events', async () => {
    const { world, lose } = worldWith(20);
    await using _ = world;
    using stream = await world.watch();
    const before = [world.log.add(), world.log.add()];
    expect(await stream.take(2)).toEqual(before.map(id));
    lose();
    for (const event of before) world.log.replay(event);
    const after = [world.log.add(), world.log.add()];
    expect(await stream.take(2)).toEqual(after.map(id));
  });

  it('a client that reconnects receives the events that it has not seen, and then new ones, from any cursor', async () => {
    const { world, events, lose } = worldWith(30);
    await using _ = world;
    using first = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 0n }) });
    const cursors = [first.first.cursor];
    for (let i = 0; i < 30; i++) cursors.push((await first.next()).cursor);
    lose();
    const after = world.log.add();
    for (const [index, cursor] of cursors.entries()) {
      using again = await world.watch({ cursor });
      expect(await again.take(31 - index)).toEqual([...events.slice(index), after].map(id));
    }
  });

  it('a client may reconnect during the replay, from every cursor that it received there', async () => {
    const { world, events, lose } = worldWith(30);
    await using _ = world;
    const old = writeCursor({ incarnation: 'log-1', position: 10n });
    lose();
    using stream = await world.watch({ cursor: old });
    const seen = [stream.first];
    for (let i = 0; i < 20; i++) seen.push(await stream.next());
    expect(seen.slice(1).map(({ what }) => what)).toEqual(events.slice(10).map(id));
    const after = world.log.add();
    for (const [index, { cursor }] of seen.entries()) {
      using again = await world.watch({ cursor });
      expect(await again.take(21 - index)).toEqual([...events.slice(10 + index), after].map(id));
    }
  });

  it('a stream continues across any number of losses', async () => {
    const { world, events, lose } = worldWith(10);
    await using _ = world;
    using stream = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 5n }) });
    expect(await stream.take(5)).toEqual(events.slice(5).map(id));
    let cursor = '';
    for (let loss = 0; loss < 4; loss++) {
      lose();
      const next = world.log.add();
      events.push(next);
      const got = await stream.next();
      expect(got.what).toBe(next.eventId);
      cursor = got.cursor;
      if (loss % 2 === 1) lose(); // a loss before any new event
    }
    using again = await world.watch({ cursor });
    const last = world.log.add();
    expect(await again.take(1)).toEqual([last.eventId]);
  });

  it('a stream waits with its old cursor until the relay has examined the new log', async () => {
    const { world, events } = worldWith(3);
    await using _ = world;
    using stream = await world.watch();
    const seen = world.log.add();
    const { cursor } = await stream.next();
    world.log.wipe();
    using again = await world.watch({ cursor });
    expect([again.first.what, again.first.cursor]).toEqual(['heartbeat', cursor]);
    world.log.describe();
    for (const event of [...events, seen]) world.log.replay(event);
    const after = world.log.add();
    expect([await stream.take(1), await again.take(1)]).toEqual([[after.eventId], [after.eventId]]);
  });

  it('no connected stream repeats events that were published but not marked', async () => {
    const { world, lose } = worldWith(3);
    await using _ = world;
    using stream = await world.watch();
    const unmarked = world.log.add({ sessionId: 'ses_x' });
    expect(await stream.take(1)).toEqual([unmarked.eventId]);
    lose();
    world.log.add({ eventId: unmarked.eventId, sessionId: 'ses_x' });
    const after = world.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('filters apply, and do not stop a stream from continuing', async () => {
    const { world, lose } = worldWith(5);
    await using _ = world;
    using acme = await world.watch({}, 'acme');
    using account = await world.watch({ accountId: 'a1' });
    const behind = writeCursor({ incarnation: 'log-1', position: 5n });
    const mine = [world.log.add({}, 'acme'), world.log.add({ accountId: 'a1' })];
    expect([await acme.take(1), await account.take(1)]).toEqual([[mine[0]?.eventId], [mine[1]?.eventId]]);
    lose();
    for (const event of mine) world.log.replay(event);
    using late = await world.watch({ cursor: behind, accountId: 'a1' });
    expect(await late.take(1)).toEqual([mine[1]?.eventId]);
    const next = [world.log.add({}, 'acme'), world.log.add({ accountId: 'a1' })];
    expect([await acme.take(1), await account.take(1), await late.take(1)]).toEqual([
      [next[0]?.eventId],
      [next[1]?.eventId],
      [next[1]?.eventId],
    ]);
  });

  it('a client that missed more than memory holds receives all of it', async () => {
    const { world, events, lose } = worldWith(2_000);
    await using _ = world;
    lose();
    const after = world.log.add();
    using late = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 700n }) });
    expect(await late.take(1_301)).toEqual([...events.slice(700), after].map(id));
  });
});

describe('a stream without a cursor', () => {
  it.each([
    ['before the relay has examined the new log', 0],
    ['while the log is refilled', 6],
    ['when the log has been refilled', 12],
  ])('that begins %s shows nothing that is older than it', async (_, filled) => {
    const { world, events } = worldWith(12);
    await using _world = world;
    world.log.wipe();
    if (filled > 0) world.log.describe();
    for (const event of events.slice(0, filled)) world.log.replay(event);
    using stream = await world.watch();
    world.log.describe();
    for (const event of events.slice(filled)) world.log.replay(event);
    const after = world.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('shows no old events after its log was lost', async () => {
    const { world, lose } = worldWith(12);
    await using _ = world;
    using stream = await world.watch();
    lose();
    const after = world.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });
});

describe('when the log was restored to an earlier state', () => {
  it('a stream of a later generation waits until the restored copy is replaced', async () => {
    const { world, events, lose } = worldWith(5);
    await using _ = world;
    lose();
    const later = { incarnation: 'log-7', generation: 7, position: 3n };
    using stream = await world.watch({ cursor: writeCursor(later) });
    expect(stream.first.what).toBe('heartbeat');
    world.log.become(8);
    world.log.describe();
    for (const event of events) world.log.replay(event);
    const after = world.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
  });

  it('a stream beyond its end waits for the log that replaces it', async () => {
    const { world, events, lose } = worldWith(10);
    await using _ = world;
    using stream = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 8n }) });
    expect(await stream.take(2)).toEqual(events.slice(8).map(id));
    world.log.goBack(4n);
    using again = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 9n }) });
    expect(again.first.what).toBe('heartbeat');
    lose();
    const after = world.log.add();
    expect(await stream.take(1)).toEqual([after.eventId]);
    expect(await again.take(2)).toEqual([events[9]?.eventId, after.eventId]);
  });
});
