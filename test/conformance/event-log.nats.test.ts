import { describe, expect, it } from 'vitest';
import { AppendError, type EventLog } from '../../services/lib/messaging/bus/event-log.ts';
import { natsEventLog } from '../../services/lib/messaging/bus/nats/nats-event-log.ts';
import { eventually } from '../support/eventually.ts';
import { logger, logRecord, readWholeLog, sequenceUpTo, sessionRecords } from '../support/messaging/test-event-bus.ts';
import { type NatsServer, startNats } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { eventLogConformance, readTail } from './event-log-conformance.ts';

async function withServer(use: (server: NatsServer, log: EventLog) => Promise<void>): Promise<void> {
  await using server = await startNats();
  await using log = await natsEventLog({ url: server.url, logger });
  await use(server, log);
}

describe.runIf(sharedServersAvailable)('with a server', () => {
  eventLogConformance('NATS', async () => {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await startNats());
    const log = stack.use(await natsEventLog({ url: server.url, logger }));
    const other = stack.use(await natsEventLog({ url: server.url, logger }));
    return { log, other, wipe: () => server.wipe(), [Symbol.asyncDispose]: () => stack.disposeAsync() };
  });

  describe('event log on NATS', () => {
    it('continues a tail after an outage, without a gap, in the same generation', () =>
      withServer(async (server, log) => {
        const tail = readTail(log, 0n, (events) => events.length >= 20);
        const writer = await log.writer();
        await writer.append(sessionRecords('ses_a', 10));
        await server.kill();
        await expect(log.bounds()).rejects.toThrow();
        expect(await log.fault()).toBe('away');
        await server.start();
        await eventually(async () => expect(await log.fault()).toBeUndefined());
        await (await log.writer()).append(sessionRecords('ses_b', 10));
        expect((await tail).map(({ position }) => position)).toEqual(sequenceUpTo(20).map(BigInt));
      }));

    it('wakes listeners in another process, also after an outage', () =>
      withServer(async (server, log) => {
        await using other = await natsEventLog({ url: server.url, logger });
        let heard = 0;
        using _ear = log.onNotify(() => {
          heard += 1;
        });
        const ringUntil = (times: number) =>
          eventually(async () => {
            await log.bounds();
            other.notify();
            expect(heard).toBeGreaterThan(times);
          });
        await ringUntil(0);
        await server.kill();
        await server.start();
        await ringUntil(heard);
      }));

    it('ends a writer with its connection, although the generation stays the same', () =>
      withServer(async (server, log) => {
        const writer = await log.writer();
        await server.kill();
        await server.start();
        expect(await writer.append([logRecord()])).toMatchObject([{ reason: 'lost' }]);
        await expect(writer.bounds()).rejects.toThrow();
        expect((await log.writer()).generationId).toBe(writer.generationId);
        expect(await readWholeLog(log)).toEqual([]);
      }));

    it('answers for every record when the server dies meanwhile, and has all acknowledged ones', () =>
      withServer(async (server, log) => {
        const writer = await log.writer();
        const records = sequenceUpTo(40).flatMap((session) => sessionRecords(`ses_${session}`, 50));
        const appending = writer.append(records);
        await eventually(async () => expect((await log.bounds()).last).toBeGreaterThan(50n));
        await server.kill();
        const results = await appending;
        await server.start();
        const stored = new Set((await eventually(() => readWholeLog(log))).map(({ eventId }) => eventId));
        expect(results).toHaveLength(records.length);
        const missing = records.filter(
          ({ eventId }, index) => typeof results[index] === 'bigint' && !stored.has(eventId),
        );
        expect(missing).toEqual([]);
      }));

    it('refuses a record that is too large, and later ones of the same session only', () =>
      withServer(async (_server, log) => {
        const large = logRecord({ sessionId: 'ses_a', payload: new Uint8Array(1_100_000) });
        const behind = logRecord({ sessionId: 'ses_a', sourceSeq: 2 });
        const elsewhere = logRecord({ sessionId: 'ses_b' });
        const [first, second, third] = await (await log.writer()).append([large, behind, elsewhere]);
        expect(first).toBeInstanceOf(AppendError);
        expect([first, second]).toMatchObject([{ reason: 'refused' }, { reason: 'held' }]);
        expect(third).toBe(1n);
      }));

    it('acknowledges a repeated record', () =>
      withServer(async (_server, log) => {
        const writer = await log.writer();
        const one = logRecord();
        expect([await writer.append([one]), await writer.append([one])]).toEqual([[1n], [1n]]);
      }));

    it('waits for a server that is starting', async () => {
      await using server = await startNats();
      await server.stop();
      const opening = natsEventLog({ url: server.url, logger });
      await server.start();
      await using log = await opening;
      expect(await log.fault()).toBeUndefined();
    });

    it('separates logs by name', () =>
      withServer(async (server, log) => {
        await using other = await natsEventLog({ url: server.url, logger, streamName: 'ANOTHER' });
        await (await other.writer()).append([logRecord()]);
        expect(await readWholeLog(log)).toEqual([]);
        expect(await readWholeLog(other)).toHaveLength(1);
      }));
  });
});
