import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentContext } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { SendUrlLookupError } from '../send-url/request-send-url.ts';
import type { SendUrlLookup } from '../send-url/send-url-lookup.ts';
import { resetLostLeases } from './fetch-task.ts';

/**
 * The send URL of a leased task that was created without one; empty when there is none, or when the lookup fails and the
 * configuration allows an empty one. Otherwise throws SERVICE_UNAVAILABLE; nothing was fetched then, and the lease continues.
 */
export async function resolveSendUrl(deps: TaskDeps, lookup: SendUrlLookup, task: StoredTask): Promise<string> {
  try {
    return await unlessAborted(lookup.find(task));
  } catch (error) {
    if (!(error instanceof SendUrlLookupError)) throw error;
    if (deps.config.sendUrlLookup?.onFailure === 'empty') return '';
    await resetLostLeases(deps, task);
    const text = 'the send URL could not be looked up; nothing was fetched, repeat the request';
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { retry_after: lookup.retryAfterSeconds }, error);
  }
}

/** Stops waiting when the request is aborted. The lookup continues: other requests may share it. */
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
