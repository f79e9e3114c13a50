import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { type DescMessage, type DescMethodUnary, fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, type UnaryResponse } from '@connectrpc/connect';
import { codeFromHttpStatus, errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import type { CallLimits } from './call-limits.ts';
import { cloneError } from './clone-error.ts';
import { TransportError } from './transport-error.ts';

const TRAILER = 'trailer-';

/** A request and its limits; the headers of the Connect protocol are added. */
export interface UnaryCallRequest {
  readonly header: Headers;
  readonly bytes: Uint8Array;
  readonly limits: CallLimits;
  /** The largest answer that is accepted. */
  readonly maxResponseBytes: number;
}

/** Opens a request on a connection; throws when there is none. */
export type OpenStream = (path: string, headers: OutgoingHttpHeaders) => Promise<ClientHttp2Stream>;

/**
 * One unary call of the Connect protocol over one connection. Throws the service's error, TransportError without an
 * answer, and the signal's reason when it aborts, which also cancels the handler.
 */
export async function unaryCall<I extends DescMessage, O extends DescMessage>(
  open: OpenStream,
  method: DescMethodUnary<I, O>,
  body: UnaryCallRequest,
): Promise<UnaryResponse<I, O>> {
  const response = await sendRequest(open, `/${method.parent.typeName}/${method.name}`, body);
  const { header, trailer } = splitTrailers(response.headers);
  const status = response.headers[':status'] ?? 0;
  if (status !== 200) {
    const fallback = new ConnectError(`HTTP ${status}`, codeFromHttpStatus(status));
    // without the headers that this process sets itself when it forwards the error
    throw cloneError(errorFromJsonBytes(response.bytes, undefined, fallback));
  }
  const message = fromBinary(method.output, response.bytes);
  return { stream: false, service: method.parent, method, header, trailer, message };
}

interface RawResponse {
  readonly headers: IncomingHttpHeaders & { ':status'?: number };
  readonly bytes: Uint8Array;
}

function sendRequest(open: OpenStream, path: string, body: UnaryCallRequest): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const { signal } = body.limits;
    if (signal.aborted) return reject(signal.reason);
    let stream: ClientHttp2Stream | undefined;
    const abort = () => {
      stream?.close(constants.NGHTTP2_CANCEL);
      settle(() => reject(signal.reason));
    };
    const settle = (how: () => void) => {
      signal.removeEventListener('abort', abort);
      how();
    };
    signal.addEventListener('abort', abort);
    open(path, requestHeaders(body)).then(
      (opened) => {
        stream = opened;
        readResponse(opened, body.maxResponseBytes).then(
          (response) => settle(() => resolve(response)),
          (error) => settle(() => reject(error)),
        );
        if (signal.aborted) opened.close(constants.NGHTTP2_CANCEL);
        else opened.end(body.bytes);
      },
      (error) => settle(() => reject(connectFailure(error))),
    );
  });
}

function requestHeaders({ header, limits }: UnaryCallRequest): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  header.forEach((value, name) => {
    headers[name] = value;
  });
  headers['content-type'] = 'application/proto';
  headers['connect-protocol-version'] = '1';
  const timeoutMs = limits.remaining();
  if (timeoutMs !== undefined) headers['connect-timeout-ms'] = String(timeoutMs);
  return headers;
}

/** What the connection says is about the connection; anything else is a defect of the request. */
export function connectFailure(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  return new TransportError(`no connection: ${error.rawMessage}`, false, error);
}

function readResponse(stream: ClientHttp2Stream, maxBytes: number): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let headers: RawResponse['headers'] | undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    let cause: unknown;
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= maxBytes) return;
      stream.close(constants.NGHTTP2_CANCEL);
      reject(new ConnectError(`the answer is larger than ${maxBytes} bytes`, Code.ResourceExhausted));
    });
    let complete = false;
    stream.on('end', () => {
      if (!headers || !isComplete(headers, size)) return;
      complete = true;
      resolve({ headers, bytes: concatChunks(chunks) });
    });
    stream.on('error', (error) => {
      cause = error;
    });
    stream.on('close', () => {
      if (!complete) reject(streamFailure(stream, cause));
    });
  });
}

/** A connection that breaks can look like the end of the answer. */
function isComplete(headers: IncomingHttpHeaders, size: number): boolean {
  const length = headers['content-length'];
  return length === undefined || Number(length) === size;
}

function concatChunks(chunks: readonly Buffer[]): Uint8Array {
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** REFUSED_STREAM, also behind a GOAWAY, promises that nothing was done. */
export function streamFailure(
  { rstCode = constants.NGHTTP2_NO_ERROR }: Partial<ClientHttp2Stream>,
  cause: unknown,
): TransportError {
  const refused = rstCode === constants.NGHTTP2_REFUSED_STREAM;
  return new TransportError(refused ? 'the request was refused' : 'the connection broke', !refused, cause);
}

/** A unary answer of the Connect protocol carries its trailers as headers with a prefix. */
function splitTrailers(received: IncomingHttpHeaders): { header: Headers; trailer: Headers } {
  const header = new Headers();
  const trailer = new Headers();
  for (const [name, value] of Object.entries(received)) {
    if (name.startsWith(':') || value === undefined) continue;
    const to = name.startsWith(TRAILER) ? trailer : header;
    const plainName = name.startsWith(TRAILER) ? name.slice(TRAILER.length) : name;
    for (const each of [value].flat()) to.append(plainName, each);
  }
  return { header, trailer };
}
