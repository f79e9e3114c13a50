import type { Logger } from '../../../observability/logger.ts';
import type { Metrics } from '../../../observability/metrics.ts';
import { forEachConcurrent, groupValues } from '../../../runtime/concurrency.ts';
import type { LoggedEvent, LogRecord } from '../event-log.ts';
import { sessionKey, sourceKey } from '../session-key.ts';
import type { ConsumerProgress, ParkedEvent } from './consumer-store.ts';
import { type EventDispatcher, storedErrorMessage } from './event-dispatcher.ts';

/** Sessions whose events are handled at the same time. */
const MAX_CONCURRENT_SESSIONS = 16;
const MAX_IMMEDIATE_ATTEMPTS = 5;

export interface BatchDeps {
  readonly name: string;
  readonly dispatcher: EventDispatcher;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** When what is parked now is tried again, in epoch milliseconds. */
  readonly retryAt: () => number;
}

/** The result of a batch so far. */
export interface BatchResult {
  /** The last handled record by `sourceKey`. */
  readonly handled: Map<string, LogRecord>;
  readonly parked: ParkedEvent[];
  /** False when it was stopped before its end: the batch must be delivered again. */
  complete: boolean;
}

/** Signals that end a batch early. */
export interface StopSignals {
  /** When aborted, no further event is started. */
  readonly signal: AbortSignal;
  /** When aborted, an event that fails is neither retried nor parked: it must be delivered again. */
  readonly stopRetrying: AbortSignal;
}

/**
 * Handles a batch: one session's events in order, sessions side by side. An event that keeps failing is parked, and later events of its session behind it; the other sessions
 * continue. Repeats are dropped.
 */
export async function handleBatch(
  deps: BatchDeps,
  batch: readonly LoggedEvent[],
  progress: ConsumerProgress,
  { signal, stopRetrying }: StopSignals,
): Promise<BatchResult> {
  const result: BatchResult = { handled: new Map(), parked: [], complete: true };
  const blockedSessions = new Set([...progress.lastParkedSeqs.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))));
  await forEachConcurrent(groupValues(batch, sessionKey), MAX_CONCURRENT_SESSIONS, (events) =>
    handleSession(deps, { events, progress, blockedSessions, result, signal, stopRetrying }),
  );
  return result;
}

interface SessionBatch extends StopSignals {
  readonly events: readonly LoggedEvent[];
  readonly progress: ConsumerProgress;
  /** Sessions with something parked, by `sessionKey`. */
  readonly blockedSessions: Set<string>;
  readonly result: BatchResult;
}

async function handleSession(deps: BatchDeps, sessionBatch: SessionBatch): Promise<void> {
  const { events, progress, blockedSessions, result, signal, stopRetrying } = sessionBatch;
  const count = (outcome: string) => deps.metrics.consumed.inc({ consumer: deps.name, outcome });
  const park = (event: LoggedEvent, attempts: number, error: string | null) => {
    blockedSessions.add(sessionKey(event));
    progress.lastParkedSeqs.set(sourceKey(event), event.sourceSeq);
    result.parked.push({ event, attempts, retryAt: deps.retryAt(), error });
    count('parked');
  };
  for (const event of events) {
    if (signal.aborted) {
      result.complete = false;
      return;
    }
    const key = sourceKey(event);
    const lastSeq = progress.lastSeqs.get(key) ?? 0;
    if (event.sourceSeq <= Math.max(lastSeq, progress.lastParkedSeqs.get(key) ?? 0)) count('repeated');
    else if (blockedSessions.has(sessionKey(event))) park(event, 0, null);
    else {
      if (lastSeq > 0 && event.sourceSeq > lastSeq + 1) logGap(deps, event, lastSeq);
      const delivery = await deps.dispatcher.dispatch(event, MAX_IMMEDIATE_ATTEMPTS, stopRetrying);
      if (delivery.outcome === 'stopped') {
        result.complete = false;
        return; // later events of the session must be handled after it
      }
      if (delivery.outcome === 'failed') {
        logParked(deps, event, delivery.error);
        park(event, delivery.tries, storedErrorMessage(delivery.error));
      } else {
        // recorded without a handler only where the session has progress: there it would later look like a gap
        if (delivery.outcome === 'done' || lastSeq > 0) {
          progress.lastSeqs.set(key, event.sourceSeq);
          result.handled.set(key, event);
        }
        count(delivery.outcome === 'done' ? 'done' : 'skipped');
      }
    }
  }
}

/** A gap should never occur. The log does not have the missing events, so the consumer continues and logs it. */
function logGap({ name, logger, metrics }: BatchDeps, event: LoggedEvent, lastSeq: number): void {
  metrics.consumed.inc({ consumer: name, outcome: 'gap' });
  logger.error(
    { event: 'event_gap', consumer: name, ...eventLogFields(event), seen: lastSeq },
    `${name} misses events before ${event.eventId}`,
  );
}

function logParked({ name, logger }: BatchDeps, event: LoggedEvent, error: unknown): void {
  logger.error(
    { event: 'event_parked', consumer: name, ...eventLogFields(event), err: error },
    `${name} could not handle ${event.eventId}: its session waits behind it`,
  );
}

function eventLogFields({ tenant, sessionId, source, sourceSeq, type, eventId }: LogRecord) {
  return { tenant, session_id: sessionId, source, source_seq: sourceSeq, type, event_id: eventId };
}
