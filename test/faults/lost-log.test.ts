import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { eventually } from '../eventually.ts';
import { sessionBody } from '../make.ts';
import type { SseFrame } from '../rest-client.ts';
import { backendNames, startWorld, type World } from '../world.ts';

/** A stream, read continuously. */
class Listener implements Disposable {
  readonly frames: SseFrame[] = [];
  readonly #stop = new AbortController();

  static async open(world: World, path: string, cursor?: string): Promise<Listener> {
    const listener = new Listener();
    const headers: Record<string, string> = cursor === undefined ? {} : { 'last-event-id': cursor };
    const frames = await world.rest.stream(path, listener.#stop.signal, headers);
    void listener.#read(frames);
    return listener;
  }

  /** The ids of its events in order of arrival; an event of two frames once. */
  get events(): string[] {
    const ids = this.frames.map(({ event, data }) => (event === 'resync' ? 'resync' : data.event_id));
    return ids.filter((id, index) => id !== ids[index - 1]);
  }

  /** Of the last event. */
  get cursor(): string {
    return this.frames.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #read(frames: AsyncGenerator<SseFrame>): Promise<void> {
    for await (const frame of frames) this.frames.push(frame);
  }
}

const ALL = '/api/events/stream';
const CREATED = '/api/events/stream?types=session_created';

/** Opens a session and takes it over; returns its id. */
async function openSession({ rest }: World): Promise<string> {
  const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
  await rest.ok(rest.post(`/api/sessions/${id}/takeover`, { agent_id: 'agent_01', agent_name: '小王' }));
  return id;
}

async function openSessions(world: World, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count; left > 0; left -= 4)
    ids.push(...(await Promise.all(Array.from({ length: Math.min(4, left) }, () => openSession(world)))));
  return ids;
}

/** Waits until a stream of everything has shown all of these sessions, in order and without gaps. */
function complete(listener: Listener, sessions: readonly string[]): Promise<void> {
  return eventually(() => {
    for (const id of sessions) {
      const own = listener.frames.filter(({ data }) => data.session_id === id);
      expect(own.some(({ event, data }) => event === 'manual_message' && data.role === 'system')).toBe(true);
      for (const source of new Set(own.map(({ data }) => data.source))) {
        const numbers = new Set(own.filter(({ data }) => data.source === source).map(({ data }) => data.source_seq));
        expect([...numbers]).toEqual(Array.from(numbers, (_, index) => index + 1));
      }
    }
  }, 30_000);
}

/** Waits until no more events arrive. */
async function settled(listener: Listener, others: readonly Listener[]): Promise<void> {
  let seen = -1;
  await eventually(
    () => {
      const before = seen;
      seen = [listener, ...others].reduce((sum, { frames }) => sum + frames.length, 0);
      expect(seen).toBe(before);
    },
    30_000,
    700,
  );
}

function expectOnce(events: readonly string[]): void {
  expect(events.filter((id, index) => id === undefined || events.indexOf(id) !== index)).toEqual([]);
  expect(events).not.toContain('resync');
}

const onServers = backendNames.filter((name) => name !== 'embedded');

describe.each(onServers)('a lost event log on %s', (backend) => {
  /** Loses the log under load, with connected and disconnected clients, and compares what each of them receives. */
  async function loseUnderLoad(lose: (world: World, more: () => Promise<void>) => Promise<void>): Promise<void> {
    await using world = await startWorld(backend);
    using all = await Listener.open(world, ALL);
    using created = await Listener.open(world, CREATED);
    const sessions = await openSessions(world, 12);
    await complete(all, sessions);
    const [first = ''] = sessions;
    using one = await Listener.open(world, `/api/sessions/${first}/events`);
    const away = await Listener.open(world, ALL);
    /** Opens more sessions, and waits until their events have arrived. */
    const more = async () => {
      sessions.push(...(await openSessions(world, 8)));
      await complete(all, sessions);
    };
    await more();
    await eventually(() => expect(away.cursor).not.toBe(''));
    away[Symbol.dispose]();
    const { cursor, events: seenBefore } = away;
    await more();
    await lose(world, more);
    await more();
    await world.rest.ok(world.rest.post(`/api/sessions/${first}/release`, { agent_id: 'agent_01' }));
    await complete(all, sessions);
    using back = await Listener.open(world, ALL, cursor);
    using filtered = await Listener.open(world, CREATED, cursor);
    await settled(all, [back, filtered, created, one]);
    expectOnce(all.events);
    const lastSeen = all.events.indexOf(seenBefore.at(-1) ?? '');
    expect(new Set(back.events)).toEqual(new Set(all.events.slice(lastSeen + 1)));
    expectOnce(back.events);
    const ofCreation = new Set(
      all.frames.filter(({ event }) => event === 'session_created').map(({ data }) => data.event_id),
    );
    expect(new Set(created.events)).toEqual(ofCreation);
    expectOnce(created.events);
    expect(new Set(filtered.events)).toEqual(new Set(back.events.filter((id) => ofCreation.has(id))));
    expectOnce(filtered.events);
    expect(one.frames.map(({ event }) => event)).toEqual(['manual_message', 'status_change']);
  }

  it('that was wiped gives every stream the new events and nothing twice', { timeout: 120_000 }, () =>
    loseUnderLoad(async (world, more) => {
      const meanwhile = more();
      await world.nats?.wipe();
      await meanwhile;
    }),
  );

  it('that was wiped twice gives every stream the new events and nothing twice', { timeout: 120_000 }, () =>
    loseUnderLoad(async (world, more) => {
      await world.nats?.wipe();
      await more();
      await world.nats?.wipe();
    }),
  );

  it(
    'that was restored from an older copy gives every stream what is new and nothing twice',
    {
      timeout: 120_000,
    },
    () =>
      loseUnderLoad(async (world, more) => {
        const restore = await world.nats?.backUp();
        await more();
        await restore?.();
      }),
  );

  it(
    'that was replaced and then restored from a copy of the first gives every stream what is new and nothing twice',
    {
      timeout: 120_000,
    },
    () =>
      loseUnderLoad(async (world, more) => {
        const restore = await world.nats?.backUp();
        await more();
        await world.nats?.wipe();
        await more();
        await restore?.();
      }),
  );

  it('that was deleted shows a stream without a cursor no older events, over SSE and gRPC', {
    timeout: 120_000,
  }, async () => {
    await using world = await startWorld(backend);
    const old = new Set(await openSessions(world, 40));
    using all = await Listener.open(world, ALL, undefined);
    old.add(await openSession(world));
    await settled(all, []); // unpublished events are new to every stream
    const connection = await connect({ servers: world.nats?.url.replace('nats://', '') });
    const { streams } = await connection.jetstreamManager();
    for (const name of await streams.names().next()) await streams.delete(name);
    await connection.close();
    const stop = new AbortController();
    const calls: { sessionId: string }[] = [];
    const listeners: Listener[] = [];
    for (let i = 0; i < 20; i++) {
      listeners.push(await Listener.open(world, ALL));
      const call = world.rpc(EventService).watchEvents({}, { signal: stop.signal })[Symbol.asyncIterator]();
      await call.next();
      void (async () => {
        for (let next = await call.next(); !next.done; next = await call.next())
          if (next.value.kind.case === 'event') calls.push(next.value.kind.value);
      })().catch(() => {});
      await delay(50); // varied on purpose: the moment between the loss and the end of the replay
    }
    const fresh = await openSession(world);
    for (const listener of listeners) await complete(listener, [fresh]);
    await eventually(() => expect(calls.filter(({ sessionId }) => sessionId === fresh).length).toBeGreaterThan(20));
    for (const listener of listeners) {
      expect(listener.frames.filter(({ data }) => old.has(data.session_id))).toEqual([]);
      listener[Symbol.dispose]();
    }
    expect(calls.filter(({ sessionId }) => old.has(sessionId))).toEqual([]);
    stop.abort();
  });
});
