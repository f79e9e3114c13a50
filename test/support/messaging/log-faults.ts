import {
  AppendError,
  type AppendResult,
  type EventLog,
  type LogBounds,
  type LogRecord,
  type LogWriter,
} from '../../../services/lib/messaging/bus/event-log.ts';
import { armFailpoint } from '../../../services/lib/runtime/failpoints.ts';

/** A failpoint handler that acts once; `passed` resolves after that. */
export interface OneShotFailpoint extends Disposable {
  readonly reached: Promise<void>;
}

/** Makes the next pass of a failpoint fail. */
export function failOnce(point: string): OneShotFailpoint {
  return armOnce(point, async () => new Error(`failpoint ${point}`));
}

/** Runs an action while the next pass of a failpoint waits for it; then the pass continues normally. */
export function interceptOnce(point: string, work: () => Promise<void>): OneShotFailpoint {
  return armOnce(point, async () => {
    await work();
    return undefined;
  });
}

/** `act` returns the error that the pass throws. */
function armOnce(point: string, action: () => Promise<Error | undefined>): OneShotFailpoint {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let passes = 0;
  const armed = armFailpoint(point, async () => {
    passes += 1;
    if (passes > 1) return;
    const running = action();
    running.then(() => resolve(), reject);
    const error = await running;
    if (error) throw error;
  });
  return { reached: promise, [Symbol.dispose]: () => armed[Symbol.dispose]() };
}

/** A log that refuses records, and the later ones of the same session, until it is set to accept all. */
export function rejectingLog(
  log: EventLog,
  shouldReject: (record: LogRecord) => boolean,
): EventLog & { accept(): void } {
  let accepting = false;
  const append = async (writer: LogWriter, records: readonly LogRecord[]): Promise<AppendResult[]> => {
    const rejectedSessions = new Set<string>();
    const verdicts = records.map((record) => {
      if (rejectedSessions.has(record.sessionId)) return new AppendError('held', 'held');
      if (accepting || !shouldReject(record)) return undefined;
      rejectedSessions.add(record.sessionId);
      return new AppendError('refused', 'refused');
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

/** A log whose writers report false bounds. */
export function withBounds(log: EventLog, change: (bounds: LogBounds) => LogBounds): EventLog {
  return withWriter(log, (writer) => ({ bounds: async () => change(await writer.bounds()) }));
}

/** The log with some methods of its writers replaced. */
function withWriter(log: EventLog, change: (writer: LogWriter) => Partial<LogWriter>): EventLog {
  return {
    name: log.name,
    isOutsideDatabase: log.isOutsideDatabase,
    bounds: () => log.bounds(),
    read: (after, limit) => log.read(after, limit),
    tail: (after, signal, incarnation) => log.tail(after, signal, incarnation),
    notify: () => log.notify(),
    onNotify: (hook) => log.onNotify(hook),
    trim: (before) => log.trim(before),
    fault: () => log.fault(),
    writer: async () => {
      const writer = await log.writer();
      return {
        generationId: writer.generationId,
        bounds: () => writer.bounds(),
        append: (records) => writer.append(records),
        saveLineage: (lineage) => writer.saveLineage(lineage),
        recreate: () => writer.recreate(),
        ...change(writer),
      };
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
