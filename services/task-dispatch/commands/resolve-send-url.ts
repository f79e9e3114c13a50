import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentContext } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { SendUrlLookupError } from '../send-url/request-send-url.ts';
import type { SendUrlLookup } from '../send-url/send-url-lookup.ts';
import { resetLostLeases } from './fetch-task.ts';

/**
 * The page of a leased task that was given none; empty when there is none, or none is to be had and senders are to do
 * without. Throws SERVICE_UNAVAILABLE otherwise; nothing was fetched then, and the lease goes on.
 */
export async function resolveSendUrl(deps: TaskDeps, lookup: SendUrlLookup, task: StoredTask): Promise<string> {
  try {
    return await unlessAborted(lookup.find(task));
  } catch (error) {
    if (!(error instanceof SendUrlLookupError)) throw error;
    if (deps.config.sendUrlLookup?.onFailure === 'empty') return '';
    await resetLostLeases(deps, task);
    const text = 'the page to send on could not be looked up; nothing was fetched, a repeat is harmless';
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { retry_after: lookup.retryAfterSeconds }, error);
  }
}

/** Others may wait for the same answer: who goes away leaves it to them. */
function unlessAborted<T>(answer: Promise<T>): Promise<T> {
  const { signal } = currentContext();
  if (!signal) return answer;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
