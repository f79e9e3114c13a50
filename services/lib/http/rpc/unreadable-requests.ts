import {
  Code,
  ConnectError,
  type ContextValues,
  createContextKey,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect';
import type {
  UniversalHandler,
  UniversalHandlerFn,
  UniversalServerRequest,
  UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { readAllBytes } from '@connectrpc/connect/protocol';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { appError, ErrorReason, errorInfo } from '../../errors/app-error.ts';
import { toPublicError } from '../../errors/to-public-error.ts';
import type { RequestGate } from '../../interceptors/request-gate.ts';
import { internalHeaders } from '../../rpc/internal-headers.ts';
import { requestIdFrom } from '../../rpc/request-id.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';
import { respondUnsupportedEncoding, unsupportedEncoding } from './request-encoding.ts';
import { notOneMessageError } from './request-messages.ts';

/** Whether the request of a call was read: an error before that is the request's fault, a later one is not. */
const readStateKey = createContextKey({ isDone: true });

/** Far more than an error without details needs. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Flags and length of an envelope. */
const PREFIX_BYTES = 5;

/** These refusals pass no interceptor. */
export interface RefusalOptions {
  readonly ids: IdGenerator;
  /** Receives every refusal, with the path of the RPC. */
  readonly onRefusal: (path: string, error: ConnectError) => void;
}

/** Must be the first interceptor: marks the request as read; the messages of a stream are read after it. */
export const readingInterceptor: Interceptor = (next) => (request) => {
  request.contextValues.get(readStateKey).isDone = true;
  if (!request.stream) return next(request);
  const takesOne = request.method.methodKind === 'server_streaming';
  return next({ ...request, message: readMessages(request.message, takesOne) });
};

/** Wraps a gate so that its errors are answered as they are: nothing of the request was read yet. */
export function passGateErrors(gate: RequestGate): RequestGate {
  return async (context) => {
    try {
      await gate(context);
    } catch (error) {
      context.values.get(readStateKey).isDone = true;
      throw error;
    }
  };
}

/** The messages of a stream's request; throws when one cannot be read, and when there is not exactly one. */
async function* readMessages<T>(messages: AsyncIterable<T>, takesOne: boolean): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let count = 0;
  for (;;) {
    const next = await iterator.next().catch((thrown) => {
      throw toReadError(thrown);
    });
    if (next.done ? takesOne && count === 0 : takesOne && count === 1) throw notOneMessageError();
    if (next.done) return;
    count += 1;
    yield next.value;
  }
}

/**
 * A handler that answers a request that cannot be read (no protobuf, a wrong length, an unknown compression, not one message)
 * with INVALID_ARGUMENT, TOO_LARGE or UNSUPPORTED_MEDIA_TYPE and one ErrorInfo, in the protocol of the request. The library
 * answers most of these with internal or unimplemented, as if the server were at fault or another server could help.
 */
export function rejectUnreadable(handler: UniversalHandler, { ids, onRefusal }: RefusalOptions): UniversalHandler {
  const respondWith = (request: UniversalServerRequest, error: ConnectError) => {
    error.metadata.set(internalHeaders.requestId, requestIdFrom(request.header.get(internalHeaders.requestId), ids));
    onRefusal(handler.requestPath, error);
    return errorResponseOf(handler, request, error);
  };
  const handle: UniversalHandlerFn = async (request) => {
    const encoding = unsupportedEncoding(request);
    if (encoding) return respondUnsupportedEncoding(encoding, request, (error) => respondWith(request, error));
    const read = { isDone: false };
    const contextValues: ContextValues = request.contextValues ?? createContextValues();
    const response = await handler({ ...request, contextValues: contextValues.set(readStateKey, read) });
    if (read.isDone) return attachErrorInfo(response);
    const error = await extractError(response);
    return error ? respondWith(request, toReadError(error)) : response;
  };
  return Object.assign(handle, handler);
}

/** Errors that can be found before the body is read. */
const BODY_HEADERS = [
  ...['content-length', 'content-encoding', 'grpc-encoding', 'connect-content-encoding'],
  ...['grpc-timeout', 'connect-timeout-ms'],
];

/**
 * The handler's own answer to a body that fails with this error, in the format of its protocol. The gate has admitted the
 * request.
 */
function errorResponseOf(handler: UniversalHandler, request: UniversalServerRequest, error: ConnectError) {
  const header = new Headers(request.header);
  for (const name of BODY_HEADERS) header.delete(name);
  header.set('content-type', contentTypeOf(request));
  const body = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
  return handler({ ...request, method: 'POST', header, body });
}

/** A GET of the Connect protocol names it in its query, which may hold what no header may. */
function contentTypeOf({ method, header, url }: UniversalServerRequest): string {
  if (method === 'GET') {
    const encoding = new URL(url).searchParams.get('encoding') ?? '';
    return `application/${['json', 'proto'].includes(encoding) ? encoding : 'unknown'}`;
  }
  return header.get('content-type') ?? '';
}

/** The refusal of a request that could not be read because of `thrown`; if the body broke off, its caller has left. */
function toReadError(thrown: unknown): ConnectError {
  if (errorInfo(thrown)) return thrown as ConnectError;
  const error = ConnectError.from(thrown, Code.Canceled);
  switch (error.code) {
    case Code.Internal:
      return appError(ErrorReason.MALFORMED_BODY, `the request cannot be read: ${error.rawMessage}`, {}, thrown);
    case Code.Unimplemented: // unknown compressions are refused before
      return notOneMessageError();
    case Code.Aborted:
      return appError(ErrorReason.CANCELED, 'the caller went away', {}, thrown);
    default:
      return toPublicError(error);
  }
}

/** The error in the answer to a unary call, in any of the three protocols; undefined for an answer without a body. */
async function extractError({ body, status, trailer }: UniversalServerResponse): Promise<ConnectError | undefined> {
  if (!body) return undefined;
  const bytes = await readAllBytes(body, MAX_ERROR_BYTES);
  if (trailer) return findTrailerError(trailer);
  if (bytes[0] === trailerFlag) return findTrailerError(trailerParse(bytes.subarray(PREFIX_BYTES)));
  return errorFromJsonBytes(bytes, undefined, new ConnectError(`HTTP ${status}`, Code.Internal));
}

/** Adds the ErrorInfo to a gRPC error for an answer that cannot be written, since that is found after the interceptors. */
function attachErrorInfo(response: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = response;
  return trailer && body ? { ...response, body: afterBody(body, () => completeTrailer(trailer)) } : response;
}

/** The status is in the trailer only when the body has ended. */
async function* afterBody(body: AsyncIterable<Uint8Array>, end: () => void): AsyncIterable<Uint8Array> {
  yield* body;
  end();
}

function completeTrailer(trailer: Headers): void {
  const error = findTrailerError(trailer);
  if (error && !errorInfo(error)) setTrailerStatus(trailer, toPublicError(error));
}
