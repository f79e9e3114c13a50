import type { ConnectError } from '@connectrpc/connect';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/** No answer came to a call. No ConnectError: `instanceof` would take every other ConnectError for one of these. */
export class LostCall extends Error {
  /** Whether a handler may have seen it; false when it certainly did not. */
  readonly reached: boolean;

  constructor(text: string, reached: boolean, cause: unknown) {
    super(text, { cause });
    this.reached = reached;
  }
}

/** What the caller is told of it: SERVICE_UNAVAILABLE. What broke stays inside. */
export function unanswered(cause: LostCall): ConnectError {
  return refuse(ErrorReason.SERVICE_UNAVAILABLE, 'a service did not answer; a repeat is harmless', {}, cause);
}
