import {
  type Appended,
  type EventLog,
  type LogBounds,
  type LogRecord,
  type LogWriter,
  NotAppended,
} from '../../services/lib/bus/event-log.ts';
import { arm } from '../../services/lib/failpoints.ts';

/** A failpoint that acts once; `passed` resolves when it has. */
export interface Once extends Disposable {
  readonly passed: Promise<void>;
}

/** Makes the next pass of a failpoint fail. */
export function failOnce(point: string): Once {
  return once(point, async () => new Error(`failpoint ${point}`));
}

/** Does something while the next pass of a failpoint waits for it; the pass then goes on as if nothing had been. */
export function duringOnce(point: string, meanwhile: () => Promise<void>): Once {
  return once(point, async () => {
    await meanwhile();
    return undefined;
  });
}

/** `act` returns what the pass is to throw. */
function once(point: string, act: () => Promise<Error | undefined>): Once {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let passes = 0;
  const armed = arm(point, async () => {
    passes += 1;
    if (passes > 1) return;
    const acted = act();
    acted.then(() => resolve(), reject);
    const error = await acted;
    if (error) throw error;
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
  const accept = () => {
    accepting = true;
  };
  return { ...withWriter(log, (writer) => ({ append: (records) => append(writer, records) })), accept };
}

/** A log whose writers report other bounds than it has. */
export function withBounds(log: EventLog, change: (bounds: LogBounds) => LogBounds): EventLog {
  return withWriter(log, (writer) => ({ bounds: async () => change(await writer.bounds()) }));
}

/** The log with some methods of its writers replaced. */
function withWriter(log: EventLog, change: (writer: LogWriter) => Partial<LogWriter>): EventLog {
  return {
    name: log.name,
    apart: log.apart,
    bounds: () => log.bounds(),
    read: (after, limit) => log.read(after, limit),
    tail: (after, signal, incarnation) => log.tail(after, signal, incarnation),
    ring: () => log.ring(),
    onRing: (hook) => log.onRing(hook),
    trim: (before) => log.trim(before),
    fault: () => log.fault(),
    writer: async () => {
      const writer = await log.writer();
      return {
        incarnation: writer.incarnation,
        bounds: () => writer.bounds(),
        append: (records) => writer.append(records),
        describe: (lineage) => writer.describe(lineage),
        renew: () => writer.renew(),
        ...change(writer),
      };
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
