import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { ErrorReason, errorInfo, refuse } from '../errors/refuse.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** Measures every RPC, logs the failures, and turns whatever was thrown into an error with exactly one ErrorInfo. */
export function observeInterceptor({ logger, metrics }: { logger: Logger; metrics: Metrics }): Interceptor {
  return (next) => async (request) => {
    const end = metrics.rpcSeconds.startTimer({ service: request.service.typeName, method: request.method.name });
    try {
      const response = await next(request);
      end({ code: 'ok' });
      return response;
    } catch (thrown) {
      const error = presentable(thrown, request.signal);
      end({ code: Code[error.code] });
      const line = { event: 'rpc_failed', method: `${request.service.typeName}/${request.method.name}` };
      if (error.code === Code.Internal) logger.error({ ...line, err: thrown }, 'a defect');
      else logger.debug({ ...line, reason: ErrorReason[errorInfo(error)?.reason ?? 0] }, error.rawMessage);
      throw error;
    }
  };
}

/** The error that a caller may see. What is not one of ours is a defect: its text stays in the log. */
export function presentable(thrown: unknown, signal?: AbortSignal): ConnectError {
  if (errorInfo(thrown)) return thrown as ConnectError;
  const error = ConnectError.from(signal?.aborted ? (signal.reason ?? thrown) : thrown);
  if (error.code === Code.DeadlineExceeded)
    return refuse(ErrorReason.DEADLINE_EXCEEDED, 'the deadline passed; a repeat is harmless', {}, thrown);
  if (error.code === Code.Canceled || isAbort(thrown))
    return refuse(ErrorReason.CANCELED, 'the caller went away', {}, thrown);
  if (error.code === Code.Unavailable)
    return refuse(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, thrown);
  if (error.code === Code.InvalidArgument) return refuse(ErrorReason.INVALID_ARGUMENT, error.rawMessage, {}, thrown);
  if (error.code === Code.ResourceExhausted) return refuse(ErrorReason.TOO_LARGE, error.rawMessage, {}, thrown);
  return refuse(ErrorReason.INTERNAL, 'internal error', {}, thrown);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
