import { Code, ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason, errorInfo } from './app-error.ts';

/** The error that a caller may see. An unexpected error is a defect: the caller gets INTERNAL, its text goes to the log only. */
export function toPublicError(thrown: unknown, signal?: AbortSignal): ConnectError {
  if (errorInfo(thrown)) return thrown as ConnectError;
  const error = ConnectError.from(signal?.aborted ? (signal.reason ?? thrown) : thrown);
  if (error.code === Code.DeadlineExceeded)
    return appError(ErrorReason.DEADLINE_EXCEEDED, 'the deadline passed; a repeat is harmless', {}, thrown);
  // a broken connection ends its calls with an arbitrary error of the HTTP/2 layer
  if (signal?.aborted || error.code === Code.Canceled || isAbort(thrown))
    return appError(ErrorReason.CANCELED, 'the caller went away', {}, thrown);
  if (error.code === Code.Unavailable)
    return appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, thrown);
  if (error.code === Code.InvalidArgument) return appError(ErrorReason.INVALID_ARGUMENT, error.rawMessage, {}, thrown);
  if (error.code === Code.ResourceExhausted) return appError(ErrorReason.TOO_LARGE, error.rawMessage, {}, thrown);
  return appError(ErrorReason.INTERNAL, 'internal error', {}, thrown);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
