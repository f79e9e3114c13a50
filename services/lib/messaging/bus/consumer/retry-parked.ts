import { isTimeDue } from '../../../db/due.ts';
import { parseSqlTime } from '../../../db/sql-time.ts';
import type { Logger } from '../../../observability/logger.ts';
import type { Metrics } from '../../../observability/metrics.ts';
import { exponentialBackoff } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { type ConsumerStore, recordOfEventRow } from './consumer-store.ts';
import { type EventDispatcher, storedErrorMessage } from './event-dispatcher.ts';

const MAX_SESSIONS_PER_ROUND = 20;
const MAX_EVENTS_PER_SESSION = 100;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

export interface RetryParkedDeps {
  readonly name: string;
  readonly store: ConsumerStore;
  readonly dispatcher: EventDispatcher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** When an event with this many failures is tried again, in epoch milliseconds. */
export function nextRetryAt(clock: Clock, attempts: number): number {
  return clock.now() + exponentialBackoff(attempts, MIN_RETRY_MS, MAX_RETRY_MS);
}

/** Retries the parked sessions that are due, each from its first parked event on. Retries never end. */
export async function retryParked(deps: RetryParkedDeps, signal: AbortSignal): Promise<void> {
  for (const { tenant, session_id } of await deps.store.dueParkedSessions(MAX_SESSIONS_PER_ROUND, MAX_RETRY_MS)) {
    if (signal.aborted) return;
    await retryParkedSession(deps, tenant, session_id, signal);
  }
  deps.metrics.parked.set({ consumer: deps.name }, await deps.store.parkedCount());
}

async function retryParkedSession(
  deps: RetryParkedDeps,
  tenant: string,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  const { store, dispatcher, clock, logger, metrics, name } = deps;
  const rows = await store.parkedEvents(tenant, sessionId, MAX_EVENTS_PER_SESSION);
  const [first] = rows;
  // only a later event is due; it waits for the first one
  if (first && !isTimeDue(parseSqlTime(first.retry_at), clock.now(), MAX_RETRY_MS))
    return store.postpone(first, parseSqlTime(first.retry_at));
  for (const row of rows) {
    const begunAt = performance.now();
    const delivery = await dispatcher.dispatch(recordOfEventRow(row), 1, signal);
    if (delivery.outcome === 'failed') {
      metrics.consumed.inc({ consumer: name, outcome: 'retried' });
      const attempts = row.attempts + 1;
      const error = storedErrorMessage(delivery.error);
      return store.postpone(row, nextRetryAt(clock, attempts), { attempts, error });
    }
    if (!(await store.unpark(row, begunAt))) return;
    metrics.consumed.inc({ consumer: name, outcome: 'done' });
    logger.info({ event: 'event_unparked', consumer: name, event_id: row.event_id }, `${name} handled a parked event`);
    if (signal.aborted) return;
  }
}
