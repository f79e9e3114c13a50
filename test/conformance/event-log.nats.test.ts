import { describe, expect, it } from 'vitest';
import { type EventLog, NotAppended } from '../../services/lib/bus/event-log.ts';
import { natsEventLog } from '../../services/lib/bus/nats-event-log.ts';
import { eventually } from '../eventually.ts';
import { type NatsServer, nats } from '../servers.ts';
import { stackAvailable } from '../stack.ts';
import { everything, logger, record, recordsOf, upTo } from './event-bus.ts';
import { eventLogConformance, readTail } from './event-log.ts';

async function withServer(use: (server: NatsServer, log: EventLog) => Promise<void>): Promise<void> {
  await using server = await nats();
  await using log = await natsEventLog({ url: server.url, logger });
  await use(server, log);
}

describe.runIf(stackAvailable)('with a server', () => {
  eventLogConformance('NATS', async () => {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await nats());
    const log = stack.use(await natsEventLog({ url: server.url, logger }));
    const other = stack.use(await natsEventLog({ url: server.url, logger }));
    return { log, other, wipe: () => server.wipe(), [Symbol.asyncDispose]: () => stack.disposeAsync() };
  });

  describe('event log on NATS', () => {
    it('goes on with a tail over an outage, without a gap, and with the same log', () =>
      withServer(async (server, log) => {
        const tail = readTail(log, 0n, (events) => events.length >= 20);
        const writer = await log.writer();
        await writer.append(recordsOf('ses_a', 10));
        await server.kill();
        await expect(log.bounds()).rejects.toThrow();
        expect(await log.fault()).toBe('away');
        await server.start();
        await eventually(async () => expect(await log.fault()).toBeUndefined());
        await (await log.writer()).append(recordsOf('ses_b', 10));
        expect((await tail).map(({ position }) => position)).toEqual(upTo(20).map(BigInt));
      }));

    it('wakes whoever listens in another process, also after an outage', () =>
      withServer(async (server, log) => {
        await using other = await natsEventLog({ url: server.url, logger });
        let heard = 0;
        using _ear = log.onRing(() => {
          heard += 1;
        });
        const ringUntil = (times: number) =>
          eventually(async () => {
            await log.bounds();
            other.ring();
            expect(heard).toBeGreaterThan(times);
          });
        await ringUntil(0);
        await server.kill();
        await server.start();
        await ringUntil(heard);
      }));

    it('ends a writer with its connection, though the log is the same afterwards', () =>
      withServer(async (server, log) => {
        const writer = await log.writer();
        await server.kill();
        await server.start();
        expect(await writer.append([record()])).toMatchObject([{ why: 'lost' }]);
        await expect(writer.bounds()).rejects.toThrow();
        expect((await log.writer()).incarnation).toBe(writer.incarnation);
        expect(await everything(log)).toEqual([]);
      }));

    it('answers every record when the server dies meanwhile, and has what it said it has', () =>
      withServer(async (server, log) => {
        const writer = await log.writer();
        const records = upTo(40).flatMap((session) => recordsOf(`ses_${session}`, 50));
        const appending = writer.append(records);
        await eventually(async () => expect((await log.bounds()).last).toBeGreaterThan(50n));
        await server.kill();
        const results = await appending;
        await server.start();
        const stored = new Set((await eventually(() => everything(log))).map(({ eventId }) => eventId));
        expect(results).toHaveLength(records.length);
        const missing = records.filter(
          ({ eventId }, index) => typeof results[index] === 'bigint' && !stored.has(eventId),
        );
        expect(missing).toEqual([]);
      }));

    it('refuses what is too large, and what is behind it in its session alone', () =>
      withServer(async (_server, log) => {
        const large = record({ sessionId: 'ses_a', payload: new Uint8Array(1_100_000) });
        const behind = record({ sessionId: 'ses_a', sourceSeq: 2 });
        const elsewhere = record({ sessionId: 'ses_b' });
        const [first, second, third] = await (await log.writer()).append([large, behind, elsewhere]);
        expect(first).toBeInstanceOf(NotAppended);
        expect([first, second]).toMatchObject([{ why: 'refused' }, { why: 'held' }]);
        expect(third).toBe(1n);
      }));

    it('takes a repeat of what it has as done', () =>
      withServer(async (_server, log) => {
        const writer = await log.writer();
        const one = record();
        expect([await writer.append([one]), await writer.append([one])]).toEqual([[1n], [1n]]);
      }));

    it('waits for a server that is about to come', async () => {
      await using server = await nats();
      await server.stop();
      const opening = natsEventLog({ url: server.url, logger });
      await server.start();
      await using log = await opening;
      expect(await log.fault()).toBeUndefined();
    });

    it('keeps logs of other names apart', () =>
      withServer(async (server, log) => {
        await using other = await natsEventLog({ url: server.url, logger, streamName: 'ANOTHER' });
        await (await other.writer()).append([record()]);
        expect(await everything(log)).toEqual([]);
        expect(await everything(other)).toHaveLength(1);
      }));
  });
});
