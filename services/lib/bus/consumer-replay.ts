import { backoff } from '../bell.ts';
import type { Clock } from '../clock.ts';
import { isTimeDue } from '../db/due.ts';
import { msOf } from '../db/time.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type ConsumerStore, recordOf } from './consumer-store.ts';
import { type Deliverer, errorText } from './deliver.ts';

const SESSIONS = 20;
const EVENTS = 100;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export interface ReplayDeps {
  readonly name: string;
  readonly store: ConsumerStore;
  readonly deliverer: Deliverer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** When an event that failed so often is tried again, in epoch milliseconds. */
export function parkedUntil(clock: Clock, attempts: number): number {
  return clock.now() + backoff(attempts, FIRST_RETRY_MS, LONGEST_RETRY_MS);
}

/** Tries the parked sessions that are due, each from its first parked event on, for ever. */
export async function replayDue(deps: ReplayDeps, signal: AbortSignal): Promise<void> {
  for (const { tenant, session_id } of await deps.store.dueSessions(SESSIONS, LONGEST_RETRY_MS)) {
    if (signal.aborted) return;
    await replaySession(deps, tenant, session_id, signal);
  }
  deps.metrics.parked.set({ consumer: deps.name }, await deps.store.parkedCount());
}

async function replaySession(deps: ReplayDeps, tenant: string, sessionId: string, signal: AbortSignal): Promise<void> {
  const { store, deliverer, clock, logger, metrics, name } = deps;
  const rows = await store.parkedOf(tenant, sessionId, EVENTS);
  const [first] = rows;
  // due is what came later; it waits for the first one
  if (first && !isTimeDue(msOf(first.retry_at), clock.now(), LONGEST_RETRY_MS))
    return store.postpone(first, msOf(first.retry_at));
  for (const row of rows) {
    const begunAt = performance.now();
    const delivery = await deliverer.deliver(recordOf(row), 1, signal);
    if (delivery.outcome === 'failed') {
      metrics.consumed.inc({ consumer: name, outcome: 'retried' });
      const attempts = row.attempts + 1;
      const error = errorText(delivery.error);
      return store.postpone(row, parkedUntil(clock, attempts), { attempts, error });
    }
    if (!(await store.unpark(row, begunAt))) return;
    metrics.consumed.inc({ consumer: name, outcome: 'done' });
    logger.info({ event: 'event_unparked', consumer: name, event_id: row.event_id }, `${name} handled a parked event`);
    if (signal.aborted) return;
  }
}
