import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Source, TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { encodeCursor } from '../../../../services/gateway/events/cursor.ts';
import { appError, ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { orderOf } from '../../../../services/lib/messaging/bus/lineage.ts';
import { eventually } from '../../../support/eventually.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';

const reasonOf = (error: unknown) => errorInfo(error)?.reason;
const id = ({ eventId }: { eventId: string }) => eventId;

describe('a stream without a cursor', () => {
  it('starts with what comes after its first response', async () => {
    await using harness = watchHarness();
    harness.log.add();
    using stream = await harness.watch();
    expect(stream.first.kind).toBe('heartbeat');
    const events = [harness.log.add(), harness.log.add()];
    expect(await stream.take(2)).toEqual(events.map(id));
  });

  it('shares one tail with every other', async () => {
    await using harness = watchHarness();
    const streams = await Promise.all(Array.from({ length: 20 }, () => harness.watch()));
    const event = harness.log.add();
    for (const stream of streams) expect(await stream.take(1)).toEqual([event.eventId]);
    expect(harness.log.openTails).toBe(1);
    expect((await harness.metrics.streams.get()).values[0]?.value).toBe(20);
    for (const stream of streams) stream.close();
    await eventually(async () => expect((await harness.metrics.streams.get()).values[0]?.value).toBe(0));
  });

  it('says that it lives', async () => {
    await using harness = watchHarness({ heartbeatMs: 20 });
    using stream = await harness.watch();
    const beat = await stream.next();
    expect([beat.kind, beat.cursor]).toEqual(['heartbeat', stream.first.cursor]);
  });

  it('says so while only events of others pass', async () => {
    await using harness = watchHarness({ heartbeatMs: 50 });
    using stream = await harness.watch();
    const pass = setInterval(() => harness.log.add({}, 'other'), 5);
    let beat = stream.first; // what the first of them says may be from before the events
    while (beat.cursor === stream.first.cursor) {
      beat = await stream.next();
      expect(beat.kind).toBe('heartbeat');
    }
    clearInterval(pass);
  });
});

describe('a stream with a cursor', () => {
  it('goes on behind it without gap or repeat, from every cursor, while more comes', async () => {
    await using harness = watchHarness({ limits: { maxEvents: 40, maxBytes: 1e6 } });
    using first = await harness.watch();
    const events = Array.from({ length: 30 }, () => harness.log.add().eventId);
    const seen = [first.first, ...(await Promise.all(events.map(() => first.next())))];
    expect(seen.slice(1).map(({ kind }) => kind)).toEqual(events);
    for (const [index, { cursor }] of seen.entries()) {
      using again = await harness.watch({ cursor });
      const extra = harness.log.add().eventId;
      events.push(extra);
      expect(await again.take(events.length - index)).toEqual(events.slice(index));
    }
  });

  it('reads from the log what memory does not hold any more', async () => {
    await using harness = watchHarness({ limits: { maxEvents: 10, maxBytes: 1e6 } });
    using first = await harness.watch();
    const events = Array.from({ length: 700 }, () => harness.log.add().eventId);
    using again = await harness.watch({ cursor: first.first.cursor });
    expect(await again.take(700)).toEqual(events);
  });

  it.each([
    'garbage',
    '%%%',
    Buffer.from('{"i":1,"p":"x"}').toString('base64url'),
    Buffer.from('null').toString('base64url'),
    Buffer.from('{"i":"log-1","p":"1","s":"-"}').toString('base64url'),
  ])('refuses %s', async (cursor) => {
    await using harness = watchHarness();
    await expect(harness.watch({ cursor })).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.INVALID_ARGUMENT);
  });

  it.each([
    ['of an unknown log', { generationId: 'log-9', position: 1n }],
    ['from before the retained events', { generationId: 'log-1', position: 4n }],
    ['beyond what the database contains', { generationId: 'log-1', position: 9n }],
  ])('%s begins with a resync', async (_, cursor) => {
    await using harness = watchHarness();
    harness.log.wipe();
    harness.log.writeLineage({ forgotten: orderOf(1, 5n), reached: 8n });
    harness.log.add();
    using stream = await harness.watch({ cursor: encodeCursor(cursor) });
    expect(stream.first.kind).toBe('resync');
    expect(stream.first.value).toMatchObject({ heads: [], tasks: [] });
    const event = harness.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('beyond the end resyncs when no other log replaces this one', async () => {
    await using harness = watchHarness({ undecidedMs: 20 });
    harness.log.writeLineage();
    harness.log.add();
    using stream = await harness.watch({ cursor: encodeCursor({ generationId: 'log-1', position: 99n }) });
    expect(stream.first.kind).toBe('heartbeat');
    expect((await stream.next()).kind).toBe('resync');
    const event = harness.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('that is too old begins with a resync', async () => {
    await using harness = watchHarness();
    const old = encodeCursor({ generationId: 'log-1', position: 0n });
    harness.log.add();
    const last = harness.log.add();
    harness.log.trimUpTo(last.position);
    using stream = await harness.watch({ cursor: old });
    expect(stream.first.kind).toBe('resync');
  });
});

describe('a resync of one session', () => {
  const foreign = encodeCursor({ generationId: 'log-9', position: 1n });

  it('shows how it stands, and leaves out what led there', async () => {
    await using harness = watchHarness({ session: { sourceSeq: 5, tasksSeq: 2 } });
    harness.log.writeLineage();
    using stream = await harness.watch({ session: 'ses_known', cursor: foreign });
    expect(stream.first.value).toMatchObject({ session: { sessionId: 'ses_known' }, messageCount: 3 });
    expect(stream.first.value.tasks).toMatchObject([{ taskId: 'tsk_1', sendContent: '' }]);
    const add = (source: Source, sourceSeq: number) => harness.log.add({ sessionId: 'ses_known', source, sourceSeq });
    add(Source.SESSION, 4);
    add(Source.SESSION, 5);
    const next = add(Source.SESSION, 6);
    add(Source.TASK_DISPATCH, 2);
    const task = add(Source.TASK_DISPATCH, 3);
    expect(await stream.take(2)).toEqual([next.eventId, task.eventId]);
  });
});

describe('what a resync shows of a session', () => {
  const cursor = encodeCursor({ generationId: 'log-9', position: 1n });

  it('is on disk: a number that the database loses comes again, with another event', async () => {
    const away = () => Promise.reject(appError(ErrorReason.SERVICE_UNAVAILABLE, 'away'));
    await using harness = watchHarness({ session: { sourceSeq: 5 }, confirmReads: away });
    harness.log.writeLineage();
    const watched = harness.watch({ session: 'ses_known', cursor });
    await expect(watched).rejects.toSatisfy((error) => reasonOf(error) === ErrorReason.SERVICE_UNAVAILABLE);
  });
});

describe('a filter', () => {
  it('shows one tenant nothing of another', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch({}, 'acme');
    harness.log.add({}, 'default');
    const mine = harness.log.add({}, 'acme');
    expect(await stream.take(1)).toEqual([mine.eventId]);
  });

  it('by session, account, shop and type lets only those pass', async () => {
    await using harness = watchHarness();
    using session = await harness.watch({ session: 'ses_known' });
    using account = await harness.watch({ accountId: 'a1', shopId: 's1' });
    using types = await harness.watch({ types: ['task_fetched, reminder'] });
    harness.log.add({ accountId: 'a1', shopId: 's2' });
    const known = harness.log.add({ sessionId: 'ses_known' });
    const both = harness.log.add({ accountId: 'a1', shopId: 's1' });
    const sent = harness.log.add({ payload: { case: 'taskChanged', value: { change: TaskChange.FETCHED } } });
    expect(await session.take(1)).toEqual([known.eventId]);
    expect(await account.take(1)).toEqual([both.eventId]);
    expect(await types.take(1)).toEqual([sent.eventId]);
  });

  it('refuses types and sessions that there are none of', async () => {
    await using harness = watchHarness();
    await expect(harness.watch({ types: ['task_snt'] })).rejects.toSatisfy(
      (e) => reasonOf(e) === ErrorReason.INVALID_ARGUMENT,
    );
    for (const session of ['ses_none', 's'.repeat(90)])
      await expect(harness.watch({ session })).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SESSION_NOT_FOUND);
  });
});

describe('a stream', () => {
  it('drops what the relay publishes twice', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch();
    const add = (sourceSeq: number) => harness.log.add({ sessionId: 'ses_x', sourceSeq });
    const events = [add(1), add(2)];
    add(1);
    add(2);
    events.push(add(3));
    expect(await stream.take(3)).toEqual(events.map(id));
  });

  it('never shows what is to be sent', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch();
    harness.log.add({ payload: { case: 'sessionCreated', value: { task: { sendContent: 'SECRET' } } } });
    harness.log.add({ payload: { case: 'taskChanged', value: { task: { taskId: 't', sendContent: 'SECRET' } } } });
    const { value: created } = await stream.next();
    const { value: changed } = await stream.next();
    expect(created.payload.value.task).toBeUndefined();
    expect(changed.payload.value.task).toMatchObject({ taskId: 't', sendContent: '' });
  });

  it('leaves out an event that cannot be read', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch();
    (harness.log.add() as { payload: Uint8Array }).payload = new Uint8Array([255, 255]);
    const event = harness.log.add();
    expect(await stream.take(1)).toEqual([event.eventId]);
  });

  it('goes on after the log was away', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch();
    harness.log.disconnect();
    const during = harness.log.add();
    await expect(harness.watch()).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SERVICE_UNAVAILABLE);
    harness.log.reconnect();
    const after = harness.log.add();
    expect(await stream.take(2)).toEqual([during.eventId, after.eventId]);
  });

  it('that is read too slowly is cut, and may resume', async () => {
    await using harness = watchHarness({ limits: { maxEvents: 300, maxBytes: 1e6 } });
    using stream = await harness.watch();
    const early = harness.log.add();
    let { kind, cursor } = await stream.next();
    expect(kind).toBe(early.eventId);
    const events = Array.from({ length: 2_000 }, () => harness.log.add().eventId);
    const other = await harness.watch();
    await eventually(() =>
      expect(harness.broker.readCached({ generationId: 'log-1', position: 2_001n }, 1)).toBeDefined(),
    );
    other.close();
    const seen: string[] = [];
    const readAll = async () => {
      for (;;) {
        ({ kind, cursor } = await stream.next());
        seen.push(kind);
      }
    };
    await expect(readAll()).rejects.toSatisfy((e) => ConnectError.from(e).code === Code.ResourceExhausted);
    using again = await harness.watch({ cursor });
    expect([...seen, ...(await again.take(2_000 - seen.length))]).toEqual(events);
  });

  it('ends at the stop', async () => {
    await using harness = watchHarness();
    using stream = await harness.watch();
    harness.stop();
    await expect(stream.next()).rejects.toSatisfy((e) => reasonOf(e) === ErrorReason.SERVICE_UNAVAILABLE);
  });
});
