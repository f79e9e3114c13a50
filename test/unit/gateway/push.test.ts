import { setImmediate as turn } from 'node:timers/promises';
import { createContextValues } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { EventService, type WatchEventsResponse } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/refuse.ts';
import { outletKey } from '../../../services/lib/outlet.ts';
import { eventually } from '../../eventually.ts';
import { watchWorld } from './watch-fixture.ts';

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
async function open(world: ReturnType<typeof watchWorld>, { cursor = '', hasRoom, onPush }: Client = {}) {
  const got: Got[] = [];
  const take = (way: Got['way']) => (response: unknown) => {
    const { kind } = response as WatchEventsResponse;
    if (kind.case === 'event') got.push({ id: kind.value.eventId, way });
  };
  const outlet = {
    get takes() {
      return hasRoom?.() ?? true;
    },
    send: (_: unknown, messages: readonly unknown[]) => {
      onPush?.();
      messages.forEach(take('pushed'));
    },
  };
  const gone = new AbortController();
  const contextValues = createContextValues().set(outletKey, outlet);
  const responses = world.directory
    .client(EventService)
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
    await using world = watchWorld();
    using stream = await open(world);
    const early = world.log.add();
    await eventually(() => expect(ids(stream.got)).toEqual([early.eventId]));
    const next = [world.log.add(), world.log.add()].map(({ eventId }) => ({ id: eventId, way: 'pushed' }));
    await eventually(() => expect(stream.got.slice(1)).toEqual(next));
  });

  it('pulls while it has no room, and what it missed comes before what is pushed later', async () => {
    await using world = watchWorld();
    let asked = 0;
    using stream = await open(world, { hasRoom: () => asked++ % 5 > 1 });
    const events: string[] = [];
    for (let i = 0; i < 300; i++) {
      events.push(world.log.add().eventId);
      if (i % 7 > 0) await turn();
    }
    await eventually(() => expect(stream.got).toHaveLength(events.length));
    expect(ids(stream.got)).toEqual(events);
    expect(ways(stream.got)).toEqual(new Set(['pulled', 'pushed']));
  });

  it('catches up first, without gap or repeat between the two', async () => {
    await using world = watchWorld({ limits: { events: 50, bytes: 1e6 } });
    using first = await open(world);
    const events = Array.from({ length: 700 }, () => world.log.add().eventId);
    using stream = await open(world, { cursor: first.first.cursor });
    for (let i = 0; i < 200; i++) {
      events.push(world.log.add().eventId);
      await turn();
    }
    await eventually(() => expect(stream.got).toHaveLength(events.length));
    events.push(world.log.add().eventId);
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.at(-1)?.way).toBe('pushed');
  });

  it('that is behind gets pushed what its client has room for, before it has caught up', async () => {
    await using world = watchWorld();
    using first = await open(world);
    const events = Array.from({ length: 200 }, () => world.log.add().eventId);
    await eventually(() => expect(first.got).toHaveLength(events.length));
    let asked = 0;
    using stream = await open(world, { cursor: first.first.cursor, hasRoom: () => asked++ > 0 });
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.filter(({ way }) => way === 'pulled')).toHaveLength(1);
  });

  it('is pushed long batches in parts, as long as it has room', async () => {
    await using world = watchWorld();
    let room = 0;
    using stream = await open(world, { hasRoom: () => room-- > 0 });
    const events = [world.log.add().eventId];
    await eventually(() => expect(stream.got).toHaveLength(1));
    room = 1;
    events.push(...Array.from({ length: 90 }, () => world.log.add().eventId));
    await eventually(() => expect(ids(stream.got)).toEqual(events));
    expect(stream.got.slice(1).filter(({ way }) => way === 'pushed')).toHaveLength(32);
  });

  it('gets nothing of another tenant, and nothing twice', async () => {
    await using world = watchWorld();
    using stream = await open(world);
    const add = (sourceSeq: number, tenant?: string) =>
      world.log.add({ sessionId: 'ses_x', sourceSeq }, tenant).eventId;
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
    await using world = watchWorld();
    using stream = await open(world);
    world.log.add();
    await eventually(() => expect(stream.got).toHaveLength(1));
    world.log.wipe();
    world.log.describe();
    await eventually(async () => expect((await world.hub.bounds()).incarnation).toBe('log-2'));
    await eventually(() => expect(world.log.tails).toBe(1));
    await turn();
    const event = world.log.add();
    await eventually(() => expect(ids(stream.got.slice(1))).toEqual([event.eventId]));
  });

  it('ends alone when it cannot be written to', async () => {
    await using world = watchWorld();
    let broken = false;
    const failing = await open(world, {
      onPush: () => {
        if (broken) throw new Error('no such event');
      },
    });
    using other = await open(world);
    world.log.add();
    await eventually(() => expect(failing.got).toHaveLength(1));
    broken = true;
    const event = world.log.add();
    const error = await failing.end;
    expect(errorInfo(error)?.reason).toBe(ErrorReason.INTERNAL);
    await eventually(() => expect(ids(other.got).at(-1)).toBe(event.eventId));
  });
});
