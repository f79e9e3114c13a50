import type { ClientHttp2Stream } from 'node:http2';
import type { DescMessage, DescMethodStreaming, MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type StreamResponse } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createConnectTransport } from '@connectrpc/connect-node';
import { errorInfo } from '../errors/refuse.ts';
import { type Peers, untilAnswered } from './attempts.ts';
import { callLimits } from './call-limits.ts';
import type { Instance } from './instance.ts';
import { LostCall, unanswered } from './lost-call.ts';
import { lost, notSent } from './unary-call.ts';

/** What the HTTP/2 layer makes of a connection or a stream that broke; what a service answers carries its ErrorInfo. */
const BROKEN = new Set([Code.Aborted, Code.Canceled, Code.Internal, Code.Unavailable]);

/**
 * Opens a server stream on an instance. Until its response headers it is tried again as a unary call is; when it breaks
 * later, its messages end with SERVICE_UNAVAILABLE. A cursor, if it has one, is for the caller to go on with.
 */
export async function streamCall<I extends DescMessage, O extends DescMessage>(
  peers: Peers,
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
    return await untilAnswered(peers, method, limits.signal, async (instance) => {
      const { transport, present } = transportTo(instance, peers.maxAnswerBytes, limits.signal);
      const opening = transport.stream(method, limits.signal, limits.remaining(), header, createAsyncIterable(request));
      const response = await opening.catch((error) => {
        throw present(error);
      });
      return { ...response, message: readable(response.message, present, limits.cancel) };
    });
  } catch (error) {
    limits.cancel();
    throw error;
  }
}

/** A transport for one stream over the instance's connection, and what its errors mean. */
function transportTo({ manager }: Instance, readMaxBytes: number, signal: AbortSignal) {
  let stream: ClientHttp2Stream | undefined;
  const transport = createConnectTransport({
    baseUrl: manager.authority,
    httpVersion: '2',
    acceptCompression: [],
    readMaxBytes,
    sessionManager: {
      authority: manager.authority,
      request: async (...args) => {
        stream = await manager.request(...args);
        return stream;
      },
      notifyResponseByteRead: (read) => manager.notifyResponseByteRead(read),
    },
  });
  const present = (error: unknown) => {
    if (signal.aborted) return signal.reason;
    if (errorInfo(error)) return error;
    if (!stream) return notSent(error);
    return error instanceof ConnectError && BROKEN.has(error.code) ? lost(stream, error) : error;
  };
  return { transport, present };
}

async function* readable<T>(
  messages: AsyncIterable<T>,
  present: (error: unknown) => unknown,
  end: () => void,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    const presented = present(error);
    throw presented instanceof LostCall ? unanswered(presented) : presented;
  } finally {
    end();
  }
}
