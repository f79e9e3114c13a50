import { appError, ErrorReason, hasErrorReason } from '../lib/errors/app-error.ts';

const PASS_THROUGH_REASONS = [ErrorReason.SERVICE_UNAVAILABLE, ErrorReason.DEADLINE_EXCEEDED, ErrorReason.CANCELED];

/**
 * The answer of another service. Any error but those of `refusals` becomes SERVICE_UNAVAILABLE: what is stored stays pending, and a
 * repeat of the request, or a sweep, continues with it.
 */
export async function callService<T>(call: Promise<T>, ...refusals: readonly ErrorReason[]): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if ([...PASS_THROUGH_REASONS, ...refusals].some((reason) => hasErrorReason(error, reason))) throw error;
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, error);
  }
}
