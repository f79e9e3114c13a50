import { groupBy, inLanes } from '../lanes.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Known, Parked } from './consumer-store.ts';
import { type Deliverer, errorText } from './deliver.ts';
import type { LoggedEvent, LogRecord } from './event-log.ts';
import { sessionKey, sourceKey } from './session-key.ts';

/** Sessions whose events are handled at the same time. */
const LANES = 16;
const QUICK_TRIES = 5;

export interface BatchDeps {
  readonly name: string;
  readonly deliverer: Deliverer;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** When what is parked now is tried again, in epoch milliseconds. */
  readonly retryAt: () => number;
}

/** What came out of a batch so far. */
export interface Handled {
  /** The last handled record by `sourceKey`. */
  readonly handled: Map<string, LogRecord>;
  readonly parked: Parked[];
  /** False when it was stopped before the end: the batch has to come again. */
  complete: boolean;
}

/** Signals that end a batch early. */
export interface StopSignals {
  /** When aborted, no further event is started. */
  readonly signal: AbortSignal;
  /** When aborted, an event that fails is neither retried nor parked: it must be delivered again. */
  readonly giveUp: AbortSignal;
}

/**
 * Handles a batch: one session's events in order, sessions side by side. An event that fails for good is parked and what
 * follows in its session behind it; the other sessions go on. Repeats are dropped.
 */
export async function handleBatch(
  deps: BatchDeps,
  batch: readonly LoggedEvent[],
  known: Known,
  { signal, giveUp }: StopSignals,
): Promise<Handled> {
  const result: Handled = { handled: new Map(), parked: [], complete: true };
  const waiting = new Set([...known.parked.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))));
  await inLanes(groupBy(batch, sessionKey), LANES, (events) =>
    handleSession(deps, { events, known, waiting, result, signal, giveUp }),
  );
  return result;
}

interface SessionPart extends StopSignals {
  readonly events: readonly LoggedEvent[];
  readonly known: Known;
  /** Sessions with something parked, by `sessionKey`. */
  readonly waiting: Set<string>;
  readonly result: Handled;
}

async function handleSession(deps: BatchDeps, part: SessionPart): Promise<void> {
  const { events, known, waiting, result, signal, giveUp } = part;
  const count = (outcome: string) => deps.metrics.consumed.inc({ consumer: deps.name, outcome });
  const park = (event: LoggedEvent, attempts: number, error: string | null) => {
    waiting.add(sessionKey(event));
    known.parked.set(sourceKey(event), event.sourceSeq);
    result.parked.push({ event, attempts, retryAt: deps.retryAt(), error });
    count('parked');
  };
  for (const event of events) {
    if (signal.aborted) {
      result.complete = false;
      return;
    }
    const key = sourceKey(event);
    const seen = known.seen.get(key) ?? 0;
    if (event.sourceSeq <= Math.max(seen, known.parked.get(key) ?? 0)) count('repeated');
    else if (waiting.has(sessionKey(event))) park(event, 0, null);
    else {
      if (seen > 0 && event.sourceSeq > seen + 1) reportGap(deps, event, seen);
      const delivery = await deps.deliverer.deliver(event, QUICK_TRIES, giveUp);
      if (delivery.outcome === 'stopped') {
        result.complete = false;
        return; // later events of the session must be handled after it
      }
      if (delivery.outcome === 'failed') {
        reportParked(deps, event, delivery.error);
        park(event, delivery.tries, errorText(delivery.error));
      } else {
        // what nobody handles is not remembered, unless it would be missed behind what somebody does
        if (delivery.outcome === 'done' || seen > 0) {
          known.seen.set(key, event.sourceSeq);
          result.handled.set(key, event);
        }
        count(delivery.outcome === 'done' ? 'done' : 'skipped');
      }
    }
  }
}

/** It should never be; what is missing is not to be had from the log, so going on is the best that is left. */
function reportGap({ name, logger, metrics }: BatchDeps, event: LoggedEvent, seen: number): void {
  metrics.consumed.inc({ consumer: name, outcome: 'gap' });
  logger.error(
    { event: 'event_gap', consumer: name, ...place(event), seen },
    `${name} misses events before ${event.eventId}`,
  );
}

function reportParked({ name, logger }: BatchDeps, event: LoggedEvent, error: unknown): void {
  logger.error(
    { event: 'event_parked', consumer: name, ...place(event), err: error },
    `${name} could not handle ${event.eventId}: its session waits behind it`,
  );
}

function place({ tenant, sessionId, source, sourceSeq, type, eventId }: LogRecord) {
  return { tenant, session_id: sessionId, source, source_seq: sourceSeq, type, event_id: eventId };
}
