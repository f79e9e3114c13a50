import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import type { SseFrame } from '../support/http/rest-client.ts';
import { backendNames, startTestSystem, type TestSystem } from '../support/test-system.ts';

/** A stream, read continuously. */
class Listener implements Disposable {
  readonly frames: SseFrame[] = [];
  readonly #stop = new AbortController();

  static async open(system: TestSystem, path: string, cursor?: string): Promise<Listener> {
    const listener = new Listener();
    const headers: Record<string, string> = cursor === undefined ? {} : { 'last-event-id': cursor };
    const frames = await system.rest.stream(path, listener.#stop.signal, headers);
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
async function openSession({ rest }: TestSystem): Promise<string> {
  const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
  await rest.ok(rest.post(`/api/sessions/${id}/takeover`, { agent_id: 'agent_01', agent_name: '小王' }));
  return id;
}

async function openSessions(system: TestSystem, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count; left > 0; left -= 4)
    ids.push(...(await Promise.all(Array.from({ length: Math.min(4, left) }, () => openSession(system)))));
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
  async function loseUnderLoad(lose: (system: TestSystem, more: () => Promise<void>) => Promise<void>): Promise<void> {
    await using system = await startTestSystem(backend);
    using all = await Listener.open(system, ALL);
    using created = await Listener.open(system, CREATED);
    const sessions = await openSessions(system, 12);
    await complete(all, sessions);
    const [first = ''] = sessions;
    using one = await Listener.open(system, `/api/sessions/${first}/events`);
    const away = await Listener.open(system, ALL);
    /** Opens more sessions, and waits until their events have arrived. */
    const more = async () => {
      sessions.push(...(await openSessions(system, 8)));
      await complete(all, sessions);
    };
    await more();
    await eventually(() => expect(away.cursor).not.toBe(''));
    away[Symbol.dispose]();
    const { cursor, events: seenBefore } = away;
    await more();
    await lose(system, more);
    await more();
    await system.rest.ok(system.rest.post(`/api/sessions/${first}/release`, { agent_id: 'agent_01' }));
    await complete(all, sessions);
    using back = await Listener.open(system, ALL, cursor);
    using filtered = await Listener.open(system, CREATED, cursor);
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
    loseUnderLoad(async (system, more) => {
      const meanwhile = more();
      await system.nats?.wipe();
      await meanwhile;
    }),
  );

  it('that was wiped twice gives every stream the new events and nothing twice', { timeout: 120_000 }, () =>
    loseUnderLoad(async (system, more) => {
      await system.nats?.wipe();
      await more();
      await system.nats?.wipe();
    }),
  );

  it(
    'that was restored from an older copy gives every stream what is new and nothing twice',
    {
      timeout: 120_000,
    },
    () =>
      loseUnderLoad(async (system, more) => {
        const restore = await system.nats?.backup();
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
      loseUnderLoad(async (system, more) => {
        const restore = await system.nats?.backup();
        await more();
        await system.nats?.wipe();
        await more();
        await restore?.();
      }),
  );

  it('that was deleted shows a stream without a cursor no older events, over SSE and gRPC', {
    timeout: 120_000,
  }, async () => {
    await using system = await startTestSystem(backend);
    const old = new Set(await openSessions(system, 40));
    using all = await Listener.open(system, ALL, undefined);
    old.add(await openSession(system));
    await settled(all, []); // unpublished events are new to every stream
    const connection = await connect({ servers: system.nats?.url.replace('nats://', '') });
    const { streams } = await connection.jetstreamManager();
    for (const name of await streams.names().next()) await streams.delete(name);
    await connection.close();
    const stop = new AbortController();
    const calls: { sessionId: string }[] = [];
    const listeners: Listener[] = [];
    for (let i = 0; i < 20; i++) {
      listeners.push(await Listener.open(system, ALL));
      const call = system.rpc(EventService).watchEvents({}, { signal: stop.signal })[Symbol.asyncIterator]();
      await call.next();
      void (async () => {
        for (let next = await call.next(); !next.done; next = await call.next())
          if (next.value.kind.case === 'event') calls.push(next.value.kind.value);
      })().catch(() => {});
      await delay(50); // varied on purpose: the moment between the loss and the end of the replay
    }
    const fresh = await openSession(system);
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
