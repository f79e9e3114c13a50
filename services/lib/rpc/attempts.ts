import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorReason, errorInfo, isRefusal, refuse } from '../errors/refuse.ts';
import { isRepeatable } from './idempotency-level.ts';
import type { Instance } from './instance.ts';
import type { Instances } from './instances.ts';
import { LostCall, unanswered } from './lost-call.ts';
import type { RepeatBudget } from './repeats.ts';

/** What the calls to a service go over. */
export interface Peers {
  readonly instances: Instances;
  readonly budget: RepeatBudget;
  /** The largest answer that is taken. */
  readonly maxAnswerBytes: number;
}

/** A call that never gets through is given up after so many instances. */
const MAX_ATTEMPTS = 5;

/**
 * Makes a call until it has an answer. What certainly reached no handler is tried again; what may have reached one is
 * repeated once, elsewhere if possible, when the contract says that it may run twice. Throws what the service answered,
 * SERVICE_UNAVAILABLE when no answer is to be had, and the signal's reason when that fires.
 */
export async function untilAnswered<T>(
  { instances, budget }: Peers,
  method: DescMethod,
  signal: AbortSignal,
  attempt: (instance: Instance) => Promise<T>,
): Promise<T> {
  budget.called();
  const tried = new Set<Instance>();
  let repeatable = isRepeatable(method);
  for (let left = MAX_ATTEMPTS - 1; ; left -= 1) {
    const instance = await instances.pick(tried, signal);
    const { term } = instance;
    try {
      return await attempt(instance);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const error = isRefusal(thrown, ErrorReason.UNAUTHENTICATED)
        ? instances.isStranger(instance)
        : isUnknownCall(thrown)
          ? refuse(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not know this call yet', {}, thrown)
          : thrown;
      tried.add(instance);
      if (error instanceof LostCall) instance.suspect(term);
      else if (!isUnavailable(error) || !instances.hasOther(tried)) throw error;
      const reached = !(error instanceof LostCall) || error.reached;
      const again = left > 0 && (!reached || (repeatable && budget.take()));
      if (!again) throw error instanceof LostCall ? unanswered(error) : error;
      repeatable &&= !reached;
    }
  }
}

/** What a stopping instance answers to what it cannot finish. */
function isUnavailable(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unavailable;
}

/** During a rolling upgrade the caller's release may be newer than the service's, whose answer is then a plain 404. */
function isUnknownCall(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented && !errorInfo(error);
}
