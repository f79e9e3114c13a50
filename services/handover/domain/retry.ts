import { exponentialBackoff } from '../../lib/runtime/backoff.ts';

/** Why a channel did not deliver. */
export interface DeliveryFailure {
  /** Whether the receiver rejected the message, rather than being unavailable or busy. */
  readonly permanent: boolean;
  /** Whether the content may be the cause. */
  readonly ofContent?: boolean;
  /** The pause that the receiver asked for, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** A rejection may come from a temporary misconfiguration, so it is final only after several; one of the content is final soon. */
export const MAX_REFUSALS = 6;

const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 5 * 60_000;
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * The delay before the next attempt, in milliseconds, after `attempts` of which `refusals` were rejected; undefined when the
 * delivery has failed for good. A receiver that is unavailable or busy is retried without limit.
 */
export function retryDelayMs(failure: DeliveryFailure, attempts: number, refusals: number): number | undefined {
  if (failure.permanent && (failure.ofContent || refusals >= MAX_REFUSALS)) return undefined;
  const backoff = exponentialBackoff(attempts, MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  return Math.max(backoff, requestedPauseMs(failure));
}

/** How long nothing may be sent to the receiver, in milliseconds; 0 when it did not ask for a pause. */
export function requestedPauseMs({ retryAfterMs = 0 }: DeliveryFailure): number {
  return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
}
