import { describe, expect, it } from 'vitest';
import { LogGenerationError } from '../../services/lib/messaging/bus/event-log.ts';
import { logRecord, sessionRecords, startEmbeddedBus } from '../support/messaging/test-event-bus.ts';
import { eventLogConformance, readTail } from './event-log-conformance.ts';

eventLogConformance('SQLite', async () => {
  const bus = await startEmbeddedBus();
  const { log, wipe } = bus;
  return { log, other: log, wipe, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
});

describe('event log on SQLite, when it is trimmed', () => {
  it('starts after the removed records, and continues at its end', async () => {
    await using bus = await startEmbeddedBus();
    const writer = await bus.log.writer();
    await writer.append(sessionRecords('ses_a', 2_100));
    bus.clock.advance({ hours: 1 });
    await bus.log.trim(bus.clock.now() - 1_000);
    expect(await bus.log.bounds()).toMatchObject({ before: 2_100n, last: 2_100n });
    await expect(readTail(bus.log, 5n, () => false)).rejects.toBeInstanceOf(LogGenerationError);
    expect(await writer.append([logRecord()])).toEqual([2_101n]);
    expect(await readTail(bus.log, 2_100n, () => true)).toMatchObject([{ position: 2_101n }]);
  });
});
