import { currentContext } from '../../lib/context.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import type { SendUrlLookup } from '../send-url/lookup.ts';
import { LookupFailed } from '../send-url/request.ts';
import { noteAsked } from './fetch-task.ts';

/**
 * The page of a leased task that was given none; empty when there is none, or none is to be had and senders are to do
 * without. Throws SERVICE_UNAVAILABLE otherwise; nothing was fetched then, and the lease goes on.
 */
export async function findPage(deps: TaskDeps, lookup: SendUrlLookup, task: StoredTask): Promise<string> {
  try {
    return await unlessGone(lookup.find(task));
  } catch (error) {
    if (!(error instanceof LookupFailed)) throw error;
    if (deps.config.sendUrlLookup?.onFailure === 'empty') return '';
    await noteAsked(deps, task);
    const text = 'the page to send on could not be looked up; nothing was fetched, a repeat is harmless';
    throw refuse(ErrorReason.SERVICE_UNAVAILABLE, text, { retry_after: lookup.retryAfterSeconds }, error);
  }
}

/** Others may wait for the same answer: who goes away leaves it to them. */
function unlessGone<T>(answer: Promise<T>): Promise<T> {
  const { signal } = currentContext();
  if (!signal) return answer;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
