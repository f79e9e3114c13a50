import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { internalHeaders } from '../../rpc/internal-headers.ts';
import { requestIdFrom } from '../../rpc/request-id.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';

/**
 * Answers a request of the RPC port with an error before the code of its protocol runs. gRPC and gRPC-Web read the error in the
 * headers of a 200 without a body; Connect reads the status and the body.
 */
export function sendRpcError(
  { headers, stream }: Http2ServerRequest,
  { stream: responseStream }: Http2ServerResponse,
  error: ConnectError,
  ids: IdGenerator,
): void {
  if (responseStream.destroyed) return;
  stream.resume();
  error.metadata.set(internalHeaders.requestId, requestIdFrom(headers[internalHeaders.requestId]?.toString(), ids));
  const type = headers['content-type'] ?? '';
  if (type.startsWith('application/grpc')) {
    const status = Object.fromEntries(setTrailerStatus(new Headers(), error));
    responseStream.respond({ ':status': 200, 'content-type': type, ...status }, { endStream: true });
  } else {
    const metadata = Object.fromEntries(error.metadata);
    responseStream.respond({
      ':status': codeToHttpStatus(error.code),
      'content-type': 'application/json',
      ...metadata,
    });
    responseStream.end(errorToJsonBytes(error, undefined));
  }
}

/** Answers a request of the RPC port that no RPC serves: with a status alone, from which clients of every protocol derive a code. */
export function sendRpcStatus(
  { headers }: Http2ServerRequest,
  { stream }: Http2ServerResponse,
  status: number,
  ids: IdGenerator,
): void {
  if (stream.destroyed || stream.headersSent) return;
  const requestId = requestIdFrom(headers[internalHeaders.requestId]?.toString(), ids);
  stream.respond({ ':status': status, [internalHeaders.requestId]: requestId }, { endStream: true });
}
