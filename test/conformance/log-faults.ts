import {
  type Appended,
  type EventLog,
  type LogRecord,
  type LogWriter,
  NotAppended,
} from '../../services/lib/bus/event-log.ts';
import { arm } from '../../services/lib/failpoints.ts';

/** Makes the next pass of a failpoint fail, after `first`; `passed` resolves when it has. */
export function failOnce(
  point: string,
  first: () => Promise<void> = async () => {},
): Disposable & { passed: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let passes = 0;
  const armed = arm(point, async () => {
    passes += 1;
    if (passes > 1) return;
    await first().then(resolve, reject);
    throw new Error(`failpoint ${point}`);
  });
  return { passed: promise, [Symbol.dispose]: () => armed[Symbol.dispose]() };
}

/** A log that refuses records, and with each what is behind it in its session, until it is told to accept everything. */
export function refusing(log: EventLog, refuses: (record: LogRecord) => boolean): EventLog & { accept(): void } {
  let accepting = false;
  const append = async (writer: LogWriter, records: readonly LogRecord[]): Promise<Appended[]> => {
    const bad = new Set<string>();
    const verdicts = records.map((record) => {
      if (bad.has(record.sessionId)) return new NotAppended('held', 'held');
      if (accepting || !refuses(record)) return undefined;
      bad.add(record.sessionId);
      return new NotAppended('refused', 'refused');
    });
    const positions = await writer.append(records.filter((_, index) => !verdicts[index]));
    let next = 0;
    return verdicts.map((verdict) => verdict ?? positions[next++]!);
  };
  return {
    name: log.name,
    accept: () => {
      accepting = true;
    },
    bounds: () => log.bounds(),
    read: (after, limit) => log.read(after, limit),
    tail: (after, signal, incarnation) => log.tail(after, signal, incarnation),
    trim: (before) => log.trim(before),
    ping: () => log.ping(),
    writer: async () => {
      const writer = await log.writer();
      return {
        incarnation: writer.incarnation,
        bounds: () => writer.bounds(),
        append: (records) => append(writer, records),
        renew: () => writer.renew(),
      };
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
