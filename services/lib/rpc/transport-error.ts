import type { ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason } from '../errors/app-error.ts';

/** A call without an answer. Not a subclass of ConnectError: its `instanceof` accepts every other ConnectError too. */
export class TransportError extends Error {
  /** Whether a handler may have seen it; false when it certainly did not. */
  readonly maybeDelivered: boolean;

  constructor(text: string, maybeDelivered: boolean, cause: unknown) {
    super(text, { cause });
    this.maybeDelivered = maybeDelivered;
  }
}

/** The public error: SERVICE_UNAVAILABLE, without the cause. */
export function toUnavailableError(cause: TransportError): ConnectError {
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service did not answer; a repeat is harmless', {}, cause);
}
