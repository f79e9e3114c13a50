import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EventLog } from '../../services/lib/messaging/bus/event-log.ts';
import { orderOf } from '../../services/lib/messaging/bus/lineage.ts';
import type { OutboxRow, OutboxTables } from '../../services/lib/messaging/outbox/outbox-tables.ts';
import { eventually } from '../support/eventually.ts';
import { failOnce, interceptOnce, rejectingLog, withBounds } from '../support/messaging/log-faults.ts';
import {
  type OpenTestEventBus,
  readDeduplicated,
  readWholeLog,
  sequenceUpTo,
  startRelay,
  type TestEventBus,
} from '../support/messaging/test-event-bus.ts';

/** The guarantees of the relay on every backend. Every test gets its own bus. */
export function relayConformance(name: string, open: OpenTestEventBus): void {
  describe(`relay on ${name}`, () => {
    let bus: TestEventBus;

    beforeEach(async () => {
      bus = await open();
    });
    afterEach(() => bus[Symbol.asyncDispose]());

    const relay = (deps = bus.deps) => {
      const started = startRelay(deps);
      onTestFinished(() => started[Symbol.asyncDispose]());
      return started;
    };
    const rows = (): Promise<OutboxRow[]> =>
      bus.db.autocommit<OutboxTables>().selectFrom('outbox').selectAll().orderBy('position').execute();
    const allPublished = () =>
      eventually(async () => expect((await rows()).every((row) => row.published_at !== null)).toBe(true), 20_000);
    const expectComplete = async (sessions: Record<string, number>) => {
      const got = await eventually(() => readDeduplicated(bus.log));
      expect(Object.fromEntries(got)).toEqual(
        Object.fromEntries(Object.entries(sessions).map(([session, last]) => [session, sequenceUpTo(last)])),
      );
    };

    /** A log that the relay has stored, with five events in it. */
    const knownLog = async (): Promise<string> => {
      await using _first = startRelay(bus.deps);
      await bus.emit('ses_a', 5);
      await allPublished();
      return (await bus.log.bounds()).generationId;
    };

    it('publishes committed events once, in order, and marks them', async () => {
      relay();
      for (let round = 0; round < 5; round++) await Promise.all([bus.emit('ses_a', 2), bus.emit('ses_b')]);
      await allPublished();
      await expectComplete({ ses_a: 10, ses_b: 5 });
      expect(await readWholeLog(bus.log)).toHaveLength(15);
      expect((await bus.deps.metrics.published.get()).values).toMatchObject([{ value: 15 }]);
    });

    it('continues immediately when more than one batch waits, also of one session', async () => {
      await bus.emit('ses_a', 700);
      await bus.emit('ses_b', 600);
      relay();
      await allPublished();
      await expectComplete({ ses_a: 700, ses_b: 600 });
    });

    it.each(['relay.before-publish', 'relay.after-publish', 'relay.after-mark'])(
      'loses nothing when it fails at %s',
      async (point) => {
        using failure = failOnce(point);
        relay();
        await bus.emit('ses_a', 3);
        await failure.reached;
        await bus.emit('ses_a', 2);
        await allPublished();
        await expectComplete({ ses_a: 5 });
      },
    );

    it('publishes everything again, in order, when the log was wiped', async () => {
      relay();
      await bus.emit('ses_a', 20);
      await allPublished();
      await bus.wipe();
      await bus.emit('ses_a', 5);
      await eventually(() => expectComplete({ ses_a: 25 }), 20_000);
    });

    /** The orders of the records in the log, by session and number. */
    const ordersIn = async (log: EventLog) =>
      new Map((await readWholeLog(log)).map(({ sessionId, sourceSeq, order }) => [`${sessionId} ${sourceSeq}`, order]));

    it('publishes old events again with their first order, and new events after them', async () => {
      const first = await knownLog();
      const places = new Map(
        (await readWholeLog(bus.log)).map((event) => [event.sourceSeq, orderOf(1, event.position)]),
      );
      await bus.wipe();
      await bus.emit('ses_b', 600);
      await bus.emit('ses_a', 1);
      relay();
      await allPublished();
      const events = await readWholeLog(bus.log);
      const again = events.filter(({ order }) => order !== undefined);
      expect(again.map(({ sessionId, order }) => [sessionId, order])).toEqual(
        again.map(({ sourceSeq }) => ['ses_a', places.get(sourceSeq)]),
      );
      expect(again).toHaveLength(5);
      expect(events.slice(5).every(({ order }) => order === undefined)).toBe(true);
      const { generationId, lineage } = await bus.log.bounds();
      expect(lineage).toMatchObject({ name: generationId, number: 2, replayed: 5n, forgotten: 0n });
      expect(lineage?.earlier).toMatchObject([{ name: first, number: 1, reached: 5n }]);
    });

    it('keeps the first order of an event over several losses', async () => {
      relay();
      await bus.emit('ses_a', 3);
      await allPublished();
      for (let loss = 2; loss < 5; loss++) {
        await bus.wipe();
        await bus.emit('ses_a', 1);
        await eventually(async () => expect((await bus.log.bounds()).lineage?.number).toBe(loss), 20_000);
        await allPublished();
        await eventually(() => expectComplete({ ses_a: loss + 2 }));
      }
      const orders = await ordersIn(bus.log);
      const generations = sequenceUpTo(6).map((number) => orders.get(`ses_a ${number}`)?.toString().slice(0, 1));
      expect(generations).toEqual(['1', '1', '1', '2', '3', undefined]);
    });

    it.each(['new-log.after-begin', 'new-log.after-lineage', 'new-log.after-reset', 'new-log.after-replay'])(
      'fills a new log in order when it fails at %s',
      async (point) => {
        const first = await knownLog();
        await bus.wipe();
        using failure = failOnce(point);
        await bus.emit('ses_b', 2);
        relay();
        await failure.reached;
        await allPublished();
        const events = await readWholeLog(bus.log);
        const orders = events.map(({ order }) => order !== undefined);
        expect(orders).toEqual([...orders].sort().reverse());
        await expectComplete({ ses_a: 5, ses_b: 2 });
        const { lineage } = await bus.log.bounds();
        expect(lineage).toMatchObject({ number: 2, earlier: [{ name: first, number: 1 }] });
      },
    );

    it('publishes a row that the log refuses during the replay, and later rows of its session, as new ones', async () => {
      await knownLog();
      await bus.wipe();
      const log = rejectingLog(bus.log, ({ sessionId, sourceSeq }) => sessionId === 'ses_a' && sourceSeq === 3);
      relay({ ...bus.deps, log });
      await bus.emit('ses_b', 1);
      await eventually(() => expectComplete({ ses_a: 2, ses_b: 1 }), 20_000);
      log.accept();
      bus.clock.advance({ minutes: 10 });
      await allPublished();
      const orders = await ordersIn(bus.log);
      expect(sequenceUpTo(5).map((number) => orders.get(`ses_a ${number}`) === undefined)).toEqual([
        false,
        false,
        true,
        true,
        true,
      ]);
    });

    it('counts events that an earlier release published as seen by a client that was up to date', async () => {
      await knownLog();
      await sql`UPDATE outbox SET log_order = NULL`.execute(bus.db.autocommit());
      await sql`UPDATE relay_state SET generations = NULL`.execute(bus.db.autocommit());
      await bus.wipe();
      relay();
      await eventually(async () =>
        expect([...(await ordersIn(bus.log)).values()]).toEqual(Array(5).fill(orderOf(1, 5n))),
      );
    });

    it('writes the lineage to a log of an earlier release', async () => {
      const incarnation = await knownLog();
      const writer = await bus.log.writer();
      await writer.saveLineage({ name: 'another', number: 7, earlier: [], forgotten: 0n });
      await sql`UPDATE relay_state SET generations = NULL`.execute(bus.db.autocommit());
      relay();
      await eventually(async () =>
        expect((await bus.log.bounds()).lineage).toMatchObject({ name: incarnation, number: 1, earlier: [] }),
      );
    });

    it('publishes everything again when the log went back to an earlier state', async () => {
      await using first = startRelay(bus.deps);
      await bus.emit('ses_a', 5);
      await allPublished();
      const { generationId } = await bus.log.bounds();
      await first[Symbol.asyncDispose]();
      await sql`UPDATE relay_state SET last_position = 9`.execute(bus.db.autocommit()); // the log reached further than it does now
      relay();
      await eventually(async () => expect((await bus.log.bounds()).generationId).not.toBe(generationId));
      await eventually(() => expectComplete({ ses_a: 5 }));
      await allPublished();
    });

    const expectKept = async (incarnation: string) => {
      await bus.emit('ses_a', 1);
      await allPublished();
      expect((await bus.log.bounds()).generationId).toBe(incarnation);
      expect(await readWholeLog(bus.log)).toHaveLength((await rows()).length);
    };

    it('keeps the log when another leader publishes between its reads of the stored position and the log', async () => {
      const incarnation = await knownLog();
      using stall = interceptOnce('relay.before-compare', async () => {
        await using _other = startRelay(bus.alwaysLeaderDeps);
        await bus.emit('ses_a', 3);
        await allPublished();
      });
      relay(bus.alwaysLeaderDeps);
      await stall.reached;
      await expectKept(incarnation);
    });

    it('keeps the log when the commit of the stored position was lost', async () => {
      const incarnation = await knownLog();
      await sql`UPDATE relay_state SET last_position = 2`.execute(bus.db.autocommit());
      relay();
      await expectKept(incarnation);
    });

    it('keeps the log when one read of its end was outdated', async () => {
      const incarnation = await knownLog();
      let looks = 0;
      const log = withBounds(bus.log, (bounds) => (looks++ === 0 ? { ...bounds, last: 1n } : bounds));
      relay({ ...bus.deps, log });
      await expectKept(incarnation);
    });

    it('does not count what it published in a log that was lost before it could mark it', async () => {
      using stall = interceptOnce('relay.after-publish', async () => {
        await bus.wipe();
        const log = rejectingLog(bus.log, ({ sessionId }) => sessionId === 'ses_a');
        await using _other = startRelay({ ...bus.alwaysLeaderDeps, log });
        await bus.emit('ses_b', 9);
        await eventually(() => expectComplete({ ses_b: 9 }));
        await eventually(async () => expect((await rows())[0]).toMatchObject({ attempts: 1, published_at: null }));
      });
      relay(bus.alwaysLeaderDeps);
      await bus.emit('ses_a', 4);
      await stall.reached;
      await eventually(() => {
        bus.clock.advance({ minutes: 6 });
        return expectComplete({ ses_a: 4, ses_b: 9 });
      }, 20_000);
      await allPublished();
    });

    it('holds back a refused record and its session only, and retries it', async () => {
      const log = rejectingLog(bus.log, ({ sessionId, sourceSeq }) => sessionId === 'ses_bad' && sourceSeq === 2);
      relay({ ...bus.deps, log });
      await bus.emit('ses_bad', 2);
      await bus.emit('ses_good', 2);
      await eventually(async () => expect((await rows())[1]).toMatchObject({ attempts: 1, last_error: 'refused' }));
      await bus.emit('ses_bad', 2);
      await bus.emit('ses_good', 2);
      await eventually(() => expectComplete({ ses_bad: 1, ses_good: 4 }));
      log.accept();
      bus.clock.advance({ minutes: 10 });
      await allPublished();
      await expectComplete({ ses_bad: 4, ses_good: 4 });
    });

    it('retries a refused record although the wall clock was set back', async () => {
      const log = rejectingLog(bus.log, () => true);
      relay({ ...bus.deps, log });
      await bus.emit('ses_a', 2);
      await eventually(async () => expect((await rows())[0]).toMatchObject({ attempts: 1, last_error: 'refused' }));
      log.accept();
      bus.clock.set({ minutes: -10 });
      await allPublished();
      await expectComplete({ ses_a: 2 });
    });

    it('is not delayed by very many rows after a parked one', async () => {
      const log = rejectingLog(bus.log, ({ sessionId }) => sessionId === 'ses_bad');
      await bus.emit('ses_bad', 1_200);
      await bus.emit('ses_good', 2);
      relay({ ...bus.deps, log });
      await eventually(() => expectComplete({ ses_good: 2 }));
    });

    it('repeats but never reorders when two relays run at once and the log refuses at random', async () => {
      const flaky = (seed: number): EventLog => {
        let turn = seed;
        return rejectingLog(bus.log, () => {
          turn = (turn * 48_271) % 2_147_483_647;
          return turn % 9 === 0;
        });
      };
      for (const seed of [7, 11, 13]) relay({ ...bus.alwaysLeaderDeps, log: flaky(seed) });
      const sessions = sequenceUpTo(12).map((number) => `ses_${number}`);
      for (let round = 0; round < 25; round++) {
        await Promise.all(sessions.map((session) => bus.emit(session, 1 + (round % 3))));
        bus.clock.advance({ minutes: 6 });
      }
      await eventually(async () => {
        bus.clock.advance({ minutes: 6 });
        bus.outbox.notifyCommit();
        expect((await rows()).filter((row) => row.published_at === null)).toEqual([]);
      }, 25_000);
      await expectComplete(Object.fromEntries(sessions.map((session) => [session, 49])));
    });

    it('takes over when the leader stops', async () => {
      const first = relay();
      await bus.emit('ses_a');
      await allPublished();
      relay();
      await first[Symbol.asyncDispose]();
      await bus.emit('ses_a');
      await allPublished();
      await expectComplete({ ses_a: 2 });
    });

    it('reports how many events wait and for how long', async () => {
      await bus.emit('ses_a', 3);
      bus.clock.advance({ seconds: 60 });
      const log = rejectingLog(bus.log, () => true);
      relay({ ...bus.deps, log });
      await eventually(async () => {
        expect(await bus.deps.metrics.outboxDepth.samples()).toEqual([{ value: 3 }]);
        expect((await bus.deps.metrics.outboxAgeSeconds.samples())[0]?.value).toBeGreaterThanOrEqual(60);
      });
    });
  });
}
