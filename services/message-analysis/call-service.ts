import { appError, ErrorReason, hasErrorReason } from '../lib/errors/app-error.ts';

const PASS_THROUGH_REASONS = [ErrorReason.SERVICE_UNAVAILABLE, ErrorReason.DEADLINE_EXCEEDED, ErrorReason.CANCELED];

/**
 * The answer of another service. Any error becomes SERVICE_UNAVAILABLE: stored messages stay pending, and a repeat of the
 * batch, or the finalizer, continues with them.
 */
export async function callService<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (PASS_THROUGH_REASONS.some((reason) => hasErrorReason(error, reason))) throw error;
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, error);
  }
}
