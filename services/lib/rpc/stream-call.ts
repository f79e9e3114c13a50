import type { ClientHttp2Stream } from 'node:http2';
import type { DescMessage, DescMethodStreaming, MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type StreamResponse } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createConnectTransport } from '@connectrpc/connect-node';
import { errorInfo } from '../errors/app-error.ts';
import { callLimits } from './call-limits.ts';
import type { Endpoint } from './endpoint.ts';
import { type PeerChannel, retryCall } from './retry-call.ts';
import { TransportError, toUnavailableError } from './transport-error.ts';
import { connectFailure, streamFailure } from './unary-call.ts';

/** Codes that the HTTP/2 layer reports for a broken connection or stream; errors of a service carry an ErrorInfo. */
const TRANSPORT_FAILURE_CODES = new Set([Code.Aborted, Code.Canceled, Code.Internal, Code.Unavailable]);

/**
 * Opens a server stream on an instance. Until its response headers it is retried like a unary call; when it breaks
 * later, its messages end with SERVICE_UNAVAILABLE, and the caller resumes by its cursor.
 */
export async function streamCall<I extends DescMessage, O extends DescMessage>(
  channel: PeerChannel,
  method: DescMethodStreaming<I, O>,
  caller: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: ConstructorParameters<typeof Headers>[0],
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  if (method.methodKind !== 'server_streaming')
    throw new ConnectError(`${method.name} streams its requests: nothing carries that yet`, Code.Unimplemented);
  const request = await Array.fromAsync(input);
  const limits = callLimits(caller, timeoutMs);
  try {
    return await retryCall(channel, method, limits.signal, async (endpoint) => {
      const { transport, present: toCallError } = createStreamTransport(
        endpoint,
        channel.maxResponseBytes,
        limits.signal,
      );
      const opening = transport.stream(method, limits.signal, limits.remaining(), header, createAsyncIterable(request));
      const response = await opening.catch((error) => {
        throw toCallError(error);
      });
      return { ...response, message: readMessages(response.message, toCallError, limits.cancel) };
    });
  } catch (error) {
    limits.cancel();
    throw error;
  }
}

/** A transport for one stream over the instance's connection, and what its errors mean. */
function createStreamTransport({ sessionManager }: Endpoint, readMaxBytes: number, signal: AbortSignal) {
  let stream: ClientHttp2Stream | undefined;
  const transport = createConnectTransport({
    baseUrl: sessionManager.authority,
    httpVersion: '2',
    acceptCompression: [],
    readMaxBytes,
    sessionManager: {
      authority: sessionManager.authority,
      request: async (...args) => {
        stream = await sessionManager.request(...args);
        return stream;
      },
      notifyResponseByteRead: (read) => sessionManager.notifyResponseByteRead(read),
    },
  });
  const toCallError = (error: unknown) => {
    if (signal.aborted) return signal.reason;
    if (errorInfo(error)) return error;
    if (!stream) return connectFailure(error);
    return error instanceof ConnectError && TRANSPORT_FAILURE_CODES.has(error.code)
      ? streamFailure(stream, error)
      : error;
  };
  return { transport, present: toCallError };
}

async function* readMessages<T>(
  messages: AsyncIterable<T>,
  toCallError: (error: unknown) => unknown,
  end: () => void,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    const callError = toCallError(error);
    throw callError instanceof TransportError ? toUnavailableError(callError) : callError;
  } finally {
    end();
  }
}
