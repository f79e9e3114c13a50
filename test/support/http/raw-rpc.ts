import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeFromHttpStatus, endStreamFromJson, errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/app-error.ts';

const TRAILER_FLAG = 0x80;
const END_STREAM_FLAG = 0x02;

/** The request of a client without a library. */
export interface RawRpcRequest {
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer, in any protocol. */
export interface RawRpcResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly error?: ConnectError;
}

/** A message in the envelope of gRPC, gRPC-Web and Connect streams; `length` sets a wrong length. */
export function envelope(message: Uint8Array, { flags = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** Makes a call over HTTP/2, the protocol of the RPC port. */
export async function callHttp2(
  baseUrl: string,
  { path, type, body, headers }: RawRpcRequest,
): Promise<RawRpcResponse> {
  const session = connect(baseUrl);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': type,
      te: 'trailers',
      ...headers,
    });
    const received: IncomingHttpHeaders = {};
    stream.on('response', (head) => Object.assign(received, head));
    stream.on('trailers', (trailers) => Object.assign(received, trailers));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(body);
    await once(stream, 'end');
    const pairs = Object.entries(received).flatMap(([name, value]): [string, string][] =>
      name.startsWith(':') || value === undefined ? [] : [[name, String(value)]],
    );
    return toRawResponse(Number(received[':status']), new Headers(pairs), type, Buffer.concat(chunks));
  } finally {
    session.destroy();
  }
}

/** Makes a call over HTTP/1.1, the protocol of the HTTP port. */
export async function callHttp1(
  baseUrl: string,
  { path, type, body, headers }: RawRpcRequest,
): Promise<RawRpcResponse> {
  const response = await fetch(`${baseUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: body as Uint8Array<ArrayBuffer>,
  });
  return toRawResponse(response.status, response.headers, type, Buffer.from(await response.arrayBuffer()));
}

function toRawResponse(status: number, headers: Headers, type: string, body: Buffer): RawRpcResponse {
  return { status, headers, error: findError(status, headers, type, body) };
}

function findError(status: number, headers: Headers, type: string, body: Buffer): ConnectError | undefined {
  if (type.startsWith('application/grpc-web')) return findTrailerError(headers) ?? findTrailerError(findTrailers(body));
  if (type.startsWith('application/grpc')) return findTrailerError(headers);
  const fallback = new ConnectError(`HTTP ${status}`, codeFromHttpStatus(status));
  if (!type.startsWith('application/connect+'))
    return status === 200 ? undefined : errorFromJsonBytes(body, undefined, fallback);
  const end = readFrames(body).find(({ flags }) => flags === END_STREAM_FLAG);
  return end ? endStreamFromJson(end.data).error : fallback;
}

function findTrailers(body: Buffer): Headers {
  const trailer = readFrames(body).find(({ flags }) => flags === TRAILER_FLAG);
  return trailer ? trailerParse(trailer.data) : new Headers();
}

function readFrames(body: Buffer): { flags: number; data: Buffer }[] {
  const frames: { flags: number; data: Buffer }[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    frames.push({ flags: body.readUInt8(at), data: body.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}

/** `INVALID_ARGUMENT: MALFORMED_BODY`: the code and the reason of an error, for comparison; `OK` without one. */
export function codeAndReason({ error }: RawRpcResponse): string {
  if (!error) return 'OK';
  const code = Code[error.code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
  const info = errorInfo(error);
  return `${code}: ${info ? ErrorReason[info.reason] : 'no ErrorInfo'}`;
}

/** The request id of an answer: in the headers, the trailers, or the end of the stream. */
export function requestIdOf({ headers, error }: RawRpcResponse): string | undefined {
  return headers.get('x-request-id') ?? error?.metadata.get('x-request-id') ?? undefined;
}
