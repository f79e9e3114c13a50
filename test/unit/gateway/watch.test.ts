import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Source, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { writeCursor } from '../../../services/gateway/events/cursor.ts';
import { orderOf } from '../../../services/lib/bus/lineage.ts';
import { ErrorReason, errorInfo, refuse } from '../../../services/lib/errors/refuse.ts';
import { eventually } from '../../eventually.ts';
import { watchWorld } from './watch-fixture.ts';

const reasonOf = (error: unknown) => errorInfo(error)?.reason;
const id = ({ eventId }: { eventId: string }) => eventId;

describe('a stream without a cursor', () => {
  it('starts with what comes after its first response', async () => {
    await using world = watchWorld();
    world.log.add();
    using stream = await world.watch();
    expect(stream.first.what).toBe('heartbeat');
    const events = [world.log.add(), world.log.add()];
    expect(await stream.take(2)).toEqual(events.map(id));
  });

  it('shares one tail with every other', async () => {
    await using world = watchWorld();
    const streams = await Promise.all(Array.from({ length: 20 }, () => world.watch()));
    const event = world.log.add();
    for (const stream of streams) expect(await stream.take(1)).toEqual([event.eventId]);
    expect(world.log.tails).toBe(1);
    expect((await world.metrics.streams.get()).values[0]?.value).toBe(20);
    for (const stream of streams) stream.close();
    await eventually(async () => expect((await world.metrics.streams.get()).values[0]?.value).toBe(0));
  });

  it('says that it lives', async () => {
    await using world = watchWorld({ heartbeatMs: 20 });
    using stream = await world.watch();
    const beat = await stream.next();
    expect([beat.what, beat.cursor]).toEqual(['heartbeat', stream.first.cursor]);
  });

  it('says so while only events of others pass', async () => {
    await using world = watchWorld({ heartbeatMs: 50 });
    using stream = await world.watch();
    const pass = setInterval(() => world.log.add({}, 'other'), 5);
    let beat = stream.first; // what the first of them says may be from before the events
    while (beat.cursor === stream.first.cursor) {
      beat = await stream.next();
      expect(beat.what).toBe('heartbeat');
    }
    clearInterval(pass);
  });
});

describe('a stream with a cursor', () => {
  it('goes on behind it without gap or repeat, from every cursor, while more comes', async () => {
    await using world = watchWorld({ limits: { events: 40, bytes: 1e6 } });
    using first = await world.watch();
    const events = Array.from({ length: 30 }, () => world.log.add().eventId);
    const seen = [first.first, ...(await Promise.all(events.map(() => first.next())))];
    expect(seen.slice(1).map(({ what }) => what)).toEqual(events);
    for (const [index, { cursor }] of seen.entries()) {
      using again = await world.watch({ cursor });
      const extra = world.log.add().eventId;
      events.push(extra);
      expect(await again.take(events.length - index)).toEqual(events.slice(index));
    }
  });

  it('reads from the log what memory does not hold any more', async () => {
    await using world = watchWorld({ limits: { events: 10, bytes: 1e6 } });
    using first = await world.watch();
    const events = Array.from({ length: 700 }, () => world.log.add().eventId);
    using again = await world.watch({ cursor: first.first.cursor });
    expect(await again.take(700)).toEqual(events);
  });

  it.each([
    'garbage',
    '%%%',
    Buffer.from('{"i":1,"p":"x"}').toString('base64url'),
    Buffer.from('null').toString('base64url'),
    Buffer.from('{"i":"log-1","p":"1","s":"-"}').toString('base64url'),
  ])('refuses %s', async (cursor) => {
    await using world = watchWorld();
    await expect(world.watch({ cursor })).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.INVALID_ARGUMENT);
  });

  it.each([
    ['of an unknown log', { incarnation: 'log-9', position: 1n }],
    ['from before the retained events', { incarnation: 'log-1', position: 4n }],
    ['beyond what the database contains', { incarnation: 'log-1', position: 9n }],
  ])('%s begins with a resync', async (_, cursor) => {
    await using world = watchWorld();
    world.log.wipe();
    world.log.describe({ forgotten: orderOf(1, 5n), reached: 8n });
    world.log.add();
    using stream = await world.watch({ cursor: writeCursor(cursor) });
    expect(stream.first.what).toBe('resync');
    expect(stream.first.value).toMatchObject({ heads: [], tasks: [] });
    const event = world.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('beyond the end resyncs when no other log replaces this one', async () => {
    await using world = watchWorld({ undecidedMs: 20 });
    world.log.describe();
    world.log.add();
    using stream = await world.watch({ cursor: writeCursor({ incarnation: 'log-1', position: 99n }) });
    expect(stream.first.what).toBe('heartbeat');
    expect((await stream.next()).what).toBe('resync');
    const event = world.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('that is too old begins with a resync', async () => {
    await using world = watchWorld();
    const old = writeCursor({ incarnation: 'log-1', position: 0n });
    world.log.add();
    const last = world.log.add();
    world.log.forget(last.position);
    using stream = await world.watch({ cursor: old });
    expect(stream.first.what).toBe('resync');
  });
});

describe('a resync of one session', () => {
  const foreign = writeCursor({ incarnation: 'log-9', position: 1n });

  it('shows how it stands, and leaves out what led there', async () => {
    await using world = watchWorld({ known: { sourceSeq: 5, tasksSeq: 2 } });
    world.log.describe();
    using stream = await world.watch({ session: 'ses_known', cursor: foreign });
    expect(stream.first.value).toMatchObject({ session: { sessionId: 'ses_known' }, messageCount: 3 });
    expect(stream.first.value.tasks).toMatchObject([{ taskId: 'tsk_1', sendContent: '' }]);
    const add = (source: Source, sourceSeq: number) => world.log.add({ sessionId: 'ses_known', source, sourceSeq });
    add(Source.SESSION, 4);
    add(Source.SESSION, 5);
    const next = add(Source.SESSION, 6);
    add(Source.TASK_DISPATCH, 2);
    const task = add(Source.TASK_DISPATCH, 3);
    expect(await stream.take(2)).toEqual([next.eventId, task.eventId]);
  });
});

describe('what a resync shows of a session', () => {
  const cursor = writeCursor({ incarnation: 'log-9', position: 1n });

  it('is on disk: a number that the database loses comes again, with another event', async () => {
    const away = () => Promise.reject(refuse(ErrorReason.SERVICE_UNAVAILABLE, 'away'));
    await using world = watchWorld({ known: { sourceSeq: 5 }, confirmReads: away });
    world.log.describe();
    const watched = world.watch({ session: 'ses_known', cursor });
    await expect(watched).rejects.toSatisfy((error) => reasonOf(error) === ErrorReason.SERVICE_UNAVAILABLE);
  });
});

describe('a filter', () => {
  it('shows one tenant nothing of another', async () => {
    await using world = watchWorld();
    using stream = await world.watch({}, 'acme');
    world.log.add({}, 'default');
    const mine = world.log.add({}, 'acme');
    expect(await stream.take(1)).toEqual([mine.eventId]);
  });

  it('by session, account, shop and type lets only those pass', async () => {
    await using world = watchWorld();
    using session = await world.watch({ session: 'ses_known' });
    using account = await world.watch({ accountId: 'a1', shopId: 's1' });
    using types = await world.watch({ types: ['task_sent, reminder'] });
    world.log.add({ accountId: 'a1', shopId: 's2' });
    const known = world.log.add({ sessionId: 'ses_known' });
    const both = world.log.add({ accountId: 'a1', shopId: 's1' });
    const sent = world.log.add({ payload: { case: 'taskChanged', value: { change: TaskChange.SENT } } });
    expect(await session.take(1)).toEqual([known.eventId]);
    expect(await account.take(1)).toEqual([both.eventId]);
    expect(await types.take(1)).toEqual([sent.eventId]);
  });

  it('refuses types and sessions that there are none of', async () => {
    await using world = watchWorld();
    await expect(world.watch({ types: ['task_snt'] })).rejects.toSatisfy(
      (e) => reasonOf(e) === ErrorReason.INVALID_ARGUMENT,
    );
    for (const session of ['ses_none', 's'.repeat(90)])
      await expect(world.watch({ session })).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SESSION_NOT_FOUND);
  });
});

describe('a stream', () => {
  it('drops what the relay publishes twice', async () => {
    await using world = watchWorld();
    using stream = await world.watch();
    const add = (sourceSeq: number) => world.log.add({ sessionId: 'ses_x', sourceSeq });
    const events = [add(1), add(2)];
    add(1);
    add(2);
    events.push(add(3));
    expect(await stream.take(3)).toEqual(events.map(id));
  });

  it('never shows what is to be sent', async () => {
    await using world = watchWorld();
    using stream = await world.watch();
    world.log.add({ payload: { case: 'sessionCreated', value: { task: { sendContent: 'SECRET' } } } });
    world.log.add({ payload: { case: 'taskChanged', value: { task: { taskId: 't', sendContent: 'SECRET' } } } });
    const { value: created } = await stream.next();
    const { value: changed } = await stream.next();
    expect(created.payload.value.task).toBeUndefined();
    expect(changed.payload.value.task).toMatchObject({ taskId: 't', sendContent: '' });
  });

  it('leaves out an event that cannot be read', async () => {
    await using world = watchWorld();
    using stream = await world.watch();
    (world.log.add() as { payload: Uint8Array }).payload = new Uint8Array([255, 255]);
    const event = world.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('goes on after the log was away', async () => {
    await using world = watchWorld();
    using stream = await world.watch();
    world.log.cut();
    const during = world.log.add();
    await expect(world.watch()).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SERVICE_UNAVAILABLE);
    world.log.heal();
    const after = world.log.add();
    expect(await stream.take(2)).toEqual([during.eventId, after.eventId]);
  });

  it('that is read too slowly is cut, and may resume', async () => {
    await using world = watchWorld({ limits: { events: 300, bytes: 1e6 } });
    using stream = await world.watch();
    const early = world.log.add();
    let { what, cursor } = await stream.next();
    expect(what).toBe(early.eventId);
    const events = Array.from({ length: 2_000 }, () => world.log.add().eventId);
    const other = await world.watch();
    await eventually(() => expect(world.hub.recent({ incarnation: 'log-1', position: 2_001n }, 1)).toBeDefined());
    other.close();
    const seen: string[] = [];
    const readAll = async () => {
      for (;;) {
        ({ what, cursor } = await stream.next());
        seen.push(what);
      }
    };
    await expect(readAll()).rejects.toSatisfy((e) => ConnectError.from(e).code === Code.ResourceExhausted);
    using again = await world.watch({ cursor });
    expect([...seen, ...(await again.take(2_000 - seen.length))]).toEqual(events);
  });

  it('ends at the stop', async () => {
    await using world = watchWorld();
    using stream = await world.watch();
    world.stop();
    await expect(stream.next()).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SERVICE_UNAVAILABLE);
  });
});
