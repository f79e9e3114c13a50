import { Code, type ConnectError, type Interceptor, type StreamRequest, type UnaryRequest } from '@connectrpc/connect';
import { ErrorReason, errorInfo } from '../errors/app-error.ts';
import { toPublicError } from '../errors/to-public-error.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { RefusedCallLog, type RefusedStatus } from '../observability/refused-call-log.ts';
import { internalHeaders } from '../rpc/internal-headers.ts';

type ObservedRequest = Pick<UnaryRequest | StreamRequest, 'service' | 'method' | 'header' | 'signal'>;

/** The codes of calls that their callers must correct, with the HTTP status that REST uses for them. */
const refusedStatusByCode: Readonly<Partial<Record<Code, RefusedStatus>>> = {
  [Code.InvalidArgument]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
};

/** Where calls are measured and logged. */
export interface ObserveOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'rpcSeconds' | 'longPollSeconds'>;
  /** Shared where one port logs refused calls in two places. */
  readonly refusedCalls?: RefusedCallLog;
}

/** Measures, from now, an RPC that is refused before its interceptors run; the result converts a thrown value into an error. */
export function observeRefusedCall(
  request: ObservedRequest,
  { logger, metrics, refusedCalls = new RefusedCallLog(logger) }: ObserveOptions,
): (thrown: unknown, requestId: string) => ConnectError {
  const end = metrics.rpcSeconds.startTimer({ service: request.service.typeName, method: request.method.name });
  return (thrown, requestId) => {
    const error = toPublicError(thrown, request.signal);
    error.metadata.set(internalHeaders.requestId, requestId);
    logFailure(error, request, logger);
    logRefusedCall(refusedCalls, error, request);
    end({ code: Code[error.code] });
    return error;
  };
}

/**
 * Measures every RPC, logs the failures, and converts every error to one with exactly one ErrorInfo. A stream is
 * measured up to its first answer; later errors are logged and converted in the same way.
 */
export function observeInterceptor({
  logger,
  metrics,
  refusedCalls = new RefusedCallLog(logger),
}: ObserveOptions): Interceptor {
  const failure = (thrown: unknown, request: ObservedRequest, header?: Headers) => {
    const error = logFailure(thrown, request, logger, header);
    logRefusedCall(refusedCalls, error, request);
    return error;
  };
  return (next) => async (request) => {
    const end = startTimer(request, metrics);
    try {
      const response = await next(request);
      end({ code: 'ok' });
      if (!response.stream) return response;
      const toError = (thrown: unknown) => failure(thrown, request, response.header);
      return { ...response, message: mapStreamErrors(response.message, toError) };
    } catch (thrown) {
      const error = failure(thrown, request);
      end({ code: Code[error.code] });
      throw error;
    }
  };
}

/** Measures an RPC from now until the returned function receives its code; long polls are measured separately. */
function startTimer(
  request: UnaryRequest | StreamRequest,
  { rpcSeconds, longPollSeconds }: ObserveOptions['metrics'],
): (labels: { code: string }) => void {
  const { service, method } = request;
  const { waitSeconds = 0 } = request.stream ? {} : (request.message as { waitSeconds?: number });
  if (waitSeconds === 0) return rpcSeconds.startTimer({ service: service.typeName, method: method.name });
  const end = longPollSeconds.startTimer({ protocol: 'rpc', call: `${service.typeName}/${method.name}` });
  return ({ code }) => end({ status: code });
}

/** The error that the caller of an RPC may see; a defect is logged with what caused it. */
function logFailure(thrown: unknown, request: ObservedRequest, logger: Logger, header?: Headers): ConnectError {
  const error = toPublicError(thrown, request.signal);
  const id = (header ?? error.metadata).get('x-request-id');
  const method = `${request.service.typeName}/${request.method.name}`;
  const line = { event: 'rpc_failed', method, ...(id && { request_id: id }) };
  if (error.code === Code.Internal) logger.error({ ...line, err: error.cause ?? thrown }, 'a defect');
  else logger.debug({ ...line, reason: ErrorReason[errorInfo(error)?.reason ?? 0] }, error.rawMessage);
  return error;
}

/** Calls from the installation's own services are logged where the original call arrived, except for a wrong secret. */
function logRefusedCall(
  refusedCalls: RefusedCallLog,
  error: ConnectError,
  { header, service, method }: ObservedRequest,
): void {
  const status = refusedStatusByCode[error.code];
  if (!status || (header.has(internalHeaders.secret) && status !== 401)) return;
  const reason = ErrorReason[errorInfo(error)?.reason ?? ErrorReason.UNSPECIFIED];
  const id = error.metadata.get('x-request-id') ?? undefined;
  refusedCalls.log({ protocol: 'rpc', status, reason, rpc: `${service.typeName}/${method.name}`, request_id: id });
}

/** An error of a connection that could not take a message: the handler did not throw it. */
async function* mapStreamErrors<T>(messages: AsyncIterable<T>, toError: (thrown: unknown) => Error): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await iterator.next().catch((thrown) => {
        throw toError(thrown);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
