import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason, errorInfo, hasErrorReason } from '../errors/app-error.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { isRepeatable } from './idempotency-level.ts';
import type { RetryBudget } from './retry-budget.ts';
import { TransportError, toUnavailableError } from './transport-error.ts';

/** The endpoints of a service and the limits of calls to it. */
export interface PeerChannel {
  readonly endpoints: EndpointPool;
  readonly budget: RetryBudget;
  /** The largest answer that is accepted. */
  readonly maxResponseBytes: number;
}

/** A call that reaches no instance fails after this many attempts. */
const MAX_ATTEMPTS = 5;

/**
 * Retries a call until it has an answer: always when it certainly reached no handler; once, on another instance if possible,
 * when it may have reached one and its `idempotency_level` allows it. Throws the service's error, SERVICE_UNAVAILABLE without an
 * answer, and the signal's reason when it aborts.
 */
export async function retryCall<T>(
  { endpoints, budget }: PeerChannel,
  method: DescMethod,
  signal: AbortSignal,
  attempt: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  budget.deposit();
  const tried = new Set<Endpoint>();
  let repeatable = isRepeatable(method);
  for (let attemptsLeft = MAX_ATTEMPTS - 1; ; attemptsLeft -= 1) {
    const endpoint = await endpoints.pick(tried, signal);
    const { connectionEpoch } = endpoint;
    try {
      return await attempt(endpoint);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const error = hasErrorReason(thrown, ErrorReason.UNAUTHENTICATED)
        ? endpoints.reportSecretMismatch(endpoint)
        : isUnknownCall(thrown)
          ? appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not know this call yet', {}, thrown)
          : thrown;
      tried.add(endpoint);
      if (error instanceof TransportError) endpoint.markUnhealthy(connectionEpoch);
      else if (!isUnavailable(error) || !endpoints.hasAlternative(tried)) throw error;
      const maybeDelivered = !(error instanceof TransportError) || error.maybeDelivered;
      const retry = attemptsLeft > 0 && (!maybeDelivered || (repeatable && budget.tryWithdraw()));
      if (!retry) throw error instanceof TransportError ? toUnavailableError(error) : error;
      repeatable &&= !maybeDelivered;
    }
  }
}

/** Whether the error is that of a stopping instance for calls that it cannot finish. */
function isUnavailable(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unavailable;
}

/** During a rolling upgrade the caller's release may be newer than the service's, whose answer is then a plain 404. */
function isUnknownCall(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented && !errorInfo(error);
}
