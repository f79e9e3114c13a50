import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startConsumer } from '../../services/lib/messaging/bus/consumer/consumer.ts';
import type { EventHandler } from '../../services/lib/runtime/module.ts';
import { currentContext } from '../../services/lib/runtime/request-context.ts';
import { eventually } from '../support/eventually.ts';
import { failOnce, interceptOnce } from '../support/messaging/log-faults.ts';
import {
  logRecord,
  type OpenTestEventBus,
  sequenceUpTo,
  startRelay,
  type TestEventBus,
} from '../support/messaging/test-event-bus.ts';

/** The handled events of a consumer: the numbers per session, in order. */
class HandledEvents {
  readonly sessions = new Map<string, number[]>();

  readonly handle: EventHandler = async ({ sessionId, sourceSeq }) => {
    const numbers = this.sessions.get(sessionId) ?? [];
    this.sessions.set(sessionId, numbers);
    numbers.push(sourceSeq);
  };

  of(sessionId: string): number[] {
    return this.sessions.get(sessionId) ?? [];
  }

  /** Without repeats. */
  firstDeliveries(sessionId: string): number[] {
    return this.of(sessionId).filter((number, index, all) => index === 0 || number > Math.max(...all.slice(0, index)));
  }
}

/** The guarantees of a consumer on every backend. Every test gets its own bus. */
export function consumerConformance(name: string, open: OpenTestEventBus): void {
  describe(`consumer on ${name}`, () => {
    let bus: TestEventBus;
    let handledEvents: HandledEvents;

    beforeEach(async () => {
      bus = await open();
      handledEvents = new HandledEvents();
    });
    afterEach(() => bus[Symbol.asyncDispose]());

    const owned = <T extends AsyncDisposable>(thing: T): T => {
      onTestFinished(() => thing[Symbol.asyncDispose]());
      return thing;
    };
    const relay = () => owned(startRelay(bus.deps));
    const consumer = (sessionChanged: EventHandler = handledEvents.handle, deps = bus.deps, of = 'handover') =>
      owned(startConsumer({ ...deps, name: of, handlers: { sessionChanged } }));
    const count = async (outcome: string) => {
      const { values } = await bus.deps.metrics.consumed.get();
      return values.reduce((sum, { labels, value }) => sum + (labels.outcome === outcome ? value : 0), 0);
    };
    const settled = async () => {
      const [row] = (await sql<{ position: number }>`SELECT position FROM consumer_offset`.execute(bus.db.autocommit()))
        .rows;
      expect(BigInt(row?.position ?? -1)).toBe((await bus.log.bounds()).last);
    };
    const sawAll = (sessions: Record<string, number>) =>
      eventually(() => {
        for (const [session, last] of Object.entries(sessions))
          expect(handledEvents.of(session)).toEqual(sequenceUpTo(last));
      });

    it('handles every event once and in order', async () => {
      relay();
      consumer();
      for (let round = 0; round < 4; round++) await Promise.all([bus.emit('ses_a', 3), bus.emit('ses_b')]);
      await sawAll({ ses_a: 12, ses_b: 4 });
    });

    it('runs handlers in the background context of the event’s tenant', async () => {
      relay();
      const contexts: unknown[] = [];
      consumer(async ({ eventId }) => {
        contexts.push([currentContext().tenant, currentContext().actor, currentContext().requestId === eventId]);
      });
      await bus.emit('ses_a', 1, 'tenant-2');
      await eventually(() => expect(contexts).toEqual([['tenant-2', 'system', true]]));
    });

    it('continues at its position after a restart', async () => {
      relay();
      const first = consumer();
      await bus.emit('ses_a', 3);
      await sawAll({ ses_a: 3 });
      await first[Symbol.asyncDispose]();
      await bus.emit('ses_a', 2);
      consumer();
      await sawAll({ ses_a: 5 });
    });

    it('separates two consumers', async () => {
      relay();
      const other = new HandledEvents();
      consumer();
      consumer(other.handle, bus.deps, 'session');
      await bus.emit('ses_a', 2);
      await sawAll({ ses_a: 2 });
      await eventually(() => expect(other.of('ses_a')).toEqual([1, 2]));
    });

    it('skips events that it has no handler for', async () => {
      relay();
      owned(startConsumer({ ...bus.deps, name: 'session', handlers: {} }));
      await bus.emit('ses_a', 3);
      await eventually(async () => expect(await count('skipped')).toBe(3));
      await eventually(settled);
    });

    it('handles everything once when the relay crashes between publishing and marking', async () => {
      using crash = failOnce('relay.after-publish');
      relay();
      consumer();
      await bus.emit('ses_a', 3);
      await crash.reached;
      await bus.emit('ses_a', 1);
      await sawAll({ ses_a: 4 });
      await eventually(settled);
      expect(handledEvents.of('ses_a')).toEqual([1, 2, 3, 4]);
    });

    it('handles everything once when the log is wiped', async () => {
      relay();
      consumer();
      await bus.emit('ses_a', 10);
      await sawAll({ ses_a: 10 });
      await eventually(settled);
      await bus.wipe();
      await bus.emit('ses_a', 2);
      await eventually(() => expect(handledEvents.of('ses_a')).toEqual(sequenceUpTo(12)), 20_000);
      await eventually(settled);
      expect(await count('repeated')).toBeGreaterThanOrEqual(10);
    });

    it('handles everything once and in order while the log is wiped under load', async () => {
      relay();
      consumer();
      const sessions = sequenceUpTo(20).map((number) => `ses_${number}`);
      for (let wipe = 0; wipe < 4; wipe++) {
        const emitting = Promise.all(
          sessions.map(async (session) => {
            for (let round = 0; round < 5; round++) await bus.emit(session, 2);
          }),
        );
        await eventually(() => expect(handledEvents.of('ses_1').length).toBeGreaterThan(wipe * 5));
        await bus.wipe();
        await emitting;
      }
      await eventually(() => {
        for (const session of sessions) expect(handledEvents.of(session)).toEqual(sequenceUpTo(40));
      }, 25_000);
      expect(await count('gap')).toBe(0);
    });

    it.each(['consumer.before-ack:handover', 'consumer.after-handle:handover'])(
      'repeats but loses nothing when it fails at %s',
      async (point) => {
        using failure = failOnce(point);
        relay();
        consumer();
        await bus.emit('ses_a', 4);
        await failure.reached;
        await eventually(() => expect(handledEvents.firstDeliveries('ses_a')).toEqual([1, 2, 3, 4]));
        await eventually(settled);
      },
    );

    it('retries immediately what fails for a moment', async () => {
      relay();
      let failures = 0;
      consumer(async (event) => {
        if (event.sourceSeq === 2 && failures++ < 2) throw new Error('for a moment');
        await handledEvents.handle(event);
      });
      await bus.emit('ses_a', 3);
      await sawAll({ ses_a: 3 });
      expect(await count('parked')).toBe(0);
    });

    it('parks an event that keeps failing with later ones of its session, continues with others, and replays in order', async () => {
      relay();
      let broken = true;
      consumer(async (event) => {
        if (broken && event.sessionId === 'ses_bad' && event.sourceSeq === 2) throw new Error('for long');
        await handledEvents.handle(event);
      });
      await bus.emit('ses_bad', 3);
      await bus.emit('ses_good', 2);
      await eventually(async () => expect(await count('parked')).toBe(2));
      await bus.emit('ses_bad', 2);
      await bus.emit('ses_good', 2);
      await sawAll({ ses_bad: 1, ses_good: 4 });
      await eventually(async () => expect(await count('parked')).toBe(4));
      for (const _ of sequenceUpTo(3)) {
        const retried = await count('retried');
        bus.clock.advance({ minutes: 2 });
        await eventually(async () => expect(await count('retried')).toBe(retried + 1));
      }
      broken = false;
      bus.clock.advance({ minutes: 2 });
      await sawAll({ ses_bad: 5 });
      await bus.emit('ses_bad');
      await sawAll({ ses_bad: 6, ses_good: 4 });
      await eventually(async () =>
        expect((await bus.deps.metrics.parked.get()).values).toMatchObject([
          { value: 0, labels: { consumer: 'handover' } },
        ]),
      );
    });

    it('retries a parked event although the wall clock was set back', async () => {
      relay();
      let broken = true;
      consumer(async (event) => {
        if (broken) throw new Error('for long');
        await handledEvents.handle(event);
      });
      await bus.emit('ses_a', 2);
      await eventually(async () => expect(await count('parked')).toBe(2));
      broken = false;
      bus.clock.set({ minutes: -10 });
      await sawAll({ ses_a: 2 });
    });

    it('parks a repeat only once', async () => {
      relay();
      let broken = true;
      consumer(async (event) => {
        if (broken) throw new Error('for long');
        await handledEvents.handle(event);
      });
      await bus.emit('ses_a', 2);
      await eventually(settled);
      await bus.wipe();
      await bus.emit('ses_a');
      await eventually(async () => expect(await count('parked')).toBe(3), 20_000);
      broken = false;
      bus.clock.advance({ minutes: 2 });
      await sawAll({ ses_a: 3 });
    });

    it('parks an event that it cannot read', async () => {
      consumer();
      const broken = logRecord({ sessionId: 'ses_bad', payload: Buffer.from([0xff, 0xff]) });
      await (await bus.log.writer()).append([broken]);
      await eventually(async () => expect(await count('parked')).toBe(1));
      await eventually(settled);
    });

    it('continues after a gap, and counts it', async () => {
      relay();
      consumer();
      await bus.emit('ses_a', 2);
      await sawAll({ ses_a: 2 });
      await eventually(settled);
      await sql`UPDATE event_sequence SET last_seq = 6`.execute(bus.db.autocommit());
      await bus.emit('ses_a');
      await eventually(() => expect(handledEvents.of('ses_a')).toEqual([1, 2, 7]));
      expect(await count('gap')).toBe(1);
    });

    it('takes over from a leader that stops, and does not repeat what that one saved', async () => {
      relay();
      const first = consumer();
      await bus.emit('ses_a', 2);
      await sawAll({ ses_a: 2 });
      const second = new HandledEvents();
      consumer(second.handle);
      await first[Symbol.asyncDispose]();
      await bus.emit('ses_a', 2);
      await eventually(() => expect(second.of('ses_a')).toEqual([3, 4]));
      expect(handledEvents.of('ses_a')).toEqual([1, 2]);
    });

    it('does not move the consumer back when a stalled leader saves an older position', async () => {
      const second = new HandledEvents();
      using stall = interceptOnce('consumer.before-ack:handover', async () => {
        await using _other = startConsumer({
          ...bus.alwaysLeaderDeps,
          name: 'handover',
          handlers: { sessionChanged: second.handle },
        });
        await eventually(() => expect(second.of('ses_a')).toEqual([1, 2]));
        await bus.emit('ses_a', 2);
        await eventually(() => expect(second.of('ses_a')).toEqual([1, 2, 3, 4]));
        await eventually(settled);
      });
      relay();
      await bus.emit('ses_a', 2);
      consumer(handledEvents.handle, bus.alwaysLeaderDeps);
      await stall.reached;
      await bus.emit('ses_a');
      await eventually(() => expect(handledEvents.of('ses_a').at(-1)).toBe(5));
      expect(handledEvents.of('ses_a').filter((number) => number > 2)).toEqual([5]);
    });

    it('loses and reorders nothing while two processes lead', async () => {
      relay();
      const second = new HandledEvents();
      consumer(handledEvents.handle, bus.alwaysLeaderDeps);
      consumer(second.handle, bus.alwaysLeaderDeps);
      const sessions = sequenceUpTo(10).map((number) => `ses_${number}`);
      for (let round = 0; round < 10; round++) await Promise.all(sessions.map((session) => bus.emit(session, 2)));
      await eventually(async () => {
        await settled();
        for (const session of sessions) {
          const all = new Set([...handledEvents.of(session), ...second.of(session)]);
          expect([...all].sort((a, b) => a - b)).toEqual(sequenceUpTo(20));
        }
      }, 20_000);
    });
  });
}
