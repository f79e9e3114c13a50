import type { ConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { errorInfo } from '../errors/refuse.ts';
import { presentable } from '../interceptors/observe.ts';

/**
 * What is refused before a request was read whole (too large, no protobuf) passes no interceptor: gives these gRPC errors
 * their ErrorInfo too. To be called when the router has all its routes.
 */
export function giveErrorInfo({ handlers }: ConnectRouter): void {
  handlers.forEach((handler, index) => {
    const complete: (...args: Parameters<UniversalHandler>) => Promise<UniversalServerResponse> = async (request) =>
      withErrorInfo(await handler(request));
    handlers[index] = Object.assign(complete, handler);
  });
}

function withErrorInfo(response: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = response;
  if (!trailer || !body || body instanceof Uint8Array) return response;
  return { ...response, body: endingWith(body, () => completeTrailer(trailer)) };
}

/** The status is in the trailer only when the body has ended. */
async function* endingWith(body: AsyncIterable<Uint8Array>, end: () => void): AsyncIterable<Uint8Array> {
  yield* body;
  end();
}

function completeTrailer(trailer: Headers): void {
  const error = findTrailerError(trailer);
  if (error && !errorInfo(error)) setTrailerStatus(trailer, presentable(error));
}
