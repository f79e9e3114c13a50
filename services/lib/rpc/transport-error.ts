import type { ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason } from '../errors/app-error.ts';

/** No answer came to a call. No ConnectError: `instanceof` would take every other ConnectError for one of these. */
export class TransportError extends Error {
  /** Whether a handler may have seen it; false when it certainly did not. */
  readonly maybeDelivered: boolean;

  constructor(text: string, maybeDelivered: boolean, cause: unknown) {
    super(text, { cause });
    this.maybeDelivered = maybeDelivered;
  }
}

/** What the caller is told of it: SERVICE_UNAVAILABLE. What broke stays inside. */
export function toUnavailableError(cause: TransportError): ConnectError {
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service did not answer; a repeat is harmless', {}, cause);
}
