/** How a channel did not deliver. */
export interface DeliveryFailure {
  /** Whether the receiver said no, rather than being away or busy. */
  readonly permanent: boolean;
  /** Whether it may be for what the message says. */
  readonly ofContent?: boolean;
  /** How long the receiver asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** A receiver that says no may be misconfigured for a while; after so many times it is believed. A no to the words never changes. */
export const MAX_REFUSALS = 6;

const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 5 * 60_000;
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * When to try again, in milliseconds from now, after `attempts` tries of which `refusals` met a no; undefined when it is
 * not worth another try. A receiver that is away or busy is tried for ever.
 */
export function retryDelayMs(failure: DeliveryFailure, attempts: number, refusals: number): number | undefined {
  if (failure.permanent && (failure.ofContent || refusals >= MAX_REFUSALS)) return undefined;
  const backoff = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempts - 1, 20));
  return Math.max(backoff, requestedPauseMs(failure));
}

/** How long to leave the receiver alone altogether, in milliseconds; 0 when it did not ask for it. */
export function requestedPauseMs({ retryAfterMs = 0 }: DeliveryFailure): number {
  return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
}
