import { setImmediate as turn } from 'node:timers/promises';
import { createContextValues } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { EventService, type WatchEventsResponse } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { streamSinkKey } from '../../../../services/lib/rpc/stream-sink.ts';
import { eventually } from '../../../support/eventually.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';

interface Got {
  readonly id: string;
  readonly way: 'pulled' | 'pushed';
}

interface Client {
  readonly cursor?: string;
  /** Asked before every push. */
  readonly hasRoom?: () => boolean;
  readonly onPush?: () => void;
}

/** Opens a stream that can be pushed to; `got` are its events in the order in which they came, in either way. */
async function open(harness: ReturnType<typeof watchHarness>, { cursor = '', hasRoom, onPush }: Client = {}) {
  const got: Got[] = [];
  const take = (way: Got['way']) => (response: unknown) => {
    const { kind } = response as WatchEventsResponse;
    if (kind.case === 'event') got.push({ id: kind.value.eventId, way });
  };
  const sink = {
    get writable() {
      return hasRoom?.() ?? true;
    },
    send: (_: unknown, messages: readonly unknown[]) => {
      onPush?.();
      messages.forEach(take('pushed'));
    },
  };
  const gone = new AbortController();
  const contextValues = createContextValues().set(streamSinkKey, sink);
  const responses = harness.clients
    .get(EventService)
    .watchEvents({ cursor }, { signal: gone.signal, contextValues })
    [Symbol.asyncIterator]();
  const first = (await responses.next()).value as WatchEventsResponse;
  const pull = async () => {
    for (let next = await responses.next(); !next.done; next = await responses.next()) take('pulled')(next.value);
  };
  return { first, got, end: pull().catch((error) => error), [Symbol.dispose]: () => gone.abort() };
}

const ids = (got: readonly Got[]) => got.map(({ id }) => id);
const ways = (got: readonly Got[]) => new Set(got.map(({ way }) => way));

describe('a stream that can be pushed to', () => {
  it('is, once it has seen everything', async () => {
    await using harness = watchHarness();
    using stream = await open(harness);
    const early = harness.log.add();
    await eventually(() => expect(ids(stream.got)).toEqual([early.eventId]));
    const next = [harness.log.add(), harness.log.add()].map(({ eventId }) => ({ id: eventId, way: 'pushed' }));
    await eventually(() => expect(stream.got.slice(1)).toEqual(next));
  });

  it('pulls while it has no room, and what it missed comes before what is pushed later', async () => {
    await using harness = watchHarness();
    let asked = 0;
    using stream = await open(harness, { hasRoom: () => asked++ % 5 > 1 });
    const events: string[] = [];
    for (let i = 0; i < 300; i++) {
      events.push(harness.log.add().eventId);
      if (i % 7 > 0) await turn();
    }
    await eventually(() => expect(stream.got).toHaveLength(events.length));
    expect(ids(stream.got)).toEqual(events);
    expect(ways(stream.got)).toEqual(new Set(['pulled', 'pushed']));
  });

  it('catches up first, without gap or repeat between the two', async () => {
    await using harness = watchHarness({ limits: { maxEvents: 50, maxBytes: 1e6 } });
    using first = await open(harness);
    const events = Array.from({ length: 700 }, () => harness.log.add().eventId);
    using stream = await open(harness, { cursor: first.first.cursor });
    for (let i = 0; i < 200; i++) {
      events.push(harness.log.add().eventId);
      await turn();
    }
    await eventually(() => expect(stream.got).toHaveLength(events.length));
    events.push(harness.log.add().eventId);
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.at(-1)?.way).toBe('pushed');
  });

  it('that is behind gets pushed what its client has room for, before it has caught up', async () => {
    await using harness = watchHarness();
    using first = await open(harness);
    const events = Array.from({ length: 200 }, () => harness.log.add().eventId);
    await eventually(() => expect(first.got).toHaveLength(events.length));
    let asked = 0;
    using stream = await open(harness, { cursor: first.first.cursor, hasRoom: () => asked++ > 0 });
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.filter(({ way }) => way === 'pulled')).toHaveLength(1);
  });

  it('is pushed long batches in parts, as long as it has room', async () => {
    await using harness = watchHarness();
    let room = 0;
    using stream = await open(harness, { hasRoom: () => room-- > 0 });
    const events = [harness.log.add().eventId];
    await eventually(() => expect(stream.got).toHaveLength(1));
    room = 1;
    events.push(...Array.from({ length: 90 }, () => harness.log.add().eventId));
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.slice(1).filter(({ way }) => way === 'pushed')).toHaveLength(32);
  });

  it('gets nothing of another tenant, and nothing twice', async () => {
    await using harness = watchHarness();
    using stream = await open(harness);
    const add = (sourceSeq: number, tenant?: string) =>
      harness.log.add({ sessionId: 'ses_x', sourceSeq }, tenant).eventId;
    const events = [add(1)];
    await eventually(() => expect(stream.got).toHaveLength(1));
    add(2, 'other');
    events.push(add(2));
    await eventually(() => expect(stream.got).toHaveLength(2));
    add(1);
    add(2);
    events.push(add(3));
    await eventually(() => expect(ids(stream.got)).toEqual(events));
  });

  it('continues when the log was recreated', async () => {
    await using harness = watchHarness();
    using stream = await open(harness);
    harness.log.add();
    await eventually(() => expect(stream.got).toHaveLength(1));
    harness.log.wipe();
    harness.log.writeLineage();
    await eventually(async () => expect((await harness.broker.bounds()).generationId).toBe('log-2'));
    await eventually(() => expect(harness.log.openTails).toBe(1));
    await turn();
    const event = harness.log.add();
    await eventually(() => expect(ids(stream.got.slice(1))).toEqual([event.eventId]));
  });

  it('ends alone when it cannot be written to', async () => {
    await using harness = watchHarness();
    let broken = false;
    const failing = await open(harness, {
      onPush: () => {
        if (broken) throw new Error('no such event');
      },
    });
    using other = await open(harness);
    harness.log.add();
    await eventually(() => expect(failing.got).toHaveLength(1));
    broken = true;
    const event = harness.log.add();
    const error = await failing.end;
    expect(errorInfo(error)?.reason).toBe(ErrorReason.INTERNAL);
    await eventually(() => expect(ids(other.got).at(-1)).toBe(event.eventId));
  });
});
