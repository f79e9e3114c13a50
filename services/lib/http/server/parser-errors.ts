import type { Duplex } from 'node:stream';
import type { ConnectError } from '@connectrpc/connect';
import type { FastifyInstance } from 'fastify';
import { appError, ErrorReason, errorInfo } from '../../errors/app-error.ts';
import { internalHeaders } from '../../rpc/internal-headers.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';

/** An answer to input that is not a valid request: there is a connection, but neither path nor headers. */
export interface ParserErrorResponse {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** How the gateway formats errors; a port without it answers with the reason and the request id. */
    describeParserError?: (refusal: ConnectError) => ParserErrorResponse;
  }
}

/** The time that a client has to read the last answer of its connection. */
const LINGER_TIMEOUT_MS = 2_000;

interface RawErrorResponse {
  readonly status: number;
  readonly phrase: string;
  readonly error: ConnectError;
}

const notHttp: RawErrorResponse = {
  status: 400,
  phrase: 'Bad Request',
  error: appError(ErrorReason.MALFORMED_BODY, 'the request is not HTTP'),
};

/** The answers to the parser's errors; any other error means that the request is not HTTP. */
const responseByCode: Readonly<Record<string, RawErrorResponse>> = {
  HPE_INVALID_URL: {
    ...notHttp,
    error: appError(ErrorReason.INVALID_ARGUMENT, 'the path is not a valid one', { field: 'path' }),
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    phrase: 'Request Header Fields Too Large',
    error: appError(ErrorReason.TOO_LARGE, 'the headers are too large'),
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    phrase: 'Request Timeout',
    error: appError(ErrorReason.REQUEST_TIMEOUT, 'the request did not arrive in time'),
  },
};

const tunnelRefused: RawErrorResponse = {
  status: 405,
  phrase: 'Method Not Allowed',
  error: appError(ErrorReason.METHOD_NOT_ALLOWED, 'this is no proxy', { allow: '' }),
};

/** Answers requests that the HTTP parser refuses in the format of other errors, and closes the connection. */
export function respondToParserError(
  app: FastifyInstance,
  error: Error & { code?: string },
  socket: Duplex,
  ids: IdGenerator,
): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else respondAndClose(app, responseByCode[error.code ?? ''] ?? notHttp, socket, ids);
}

/** Answers requests that Node would close or refuse by itself: a tunnel, and an unknown expectation. */
export function respondToUnsupportedRequests(app: FastifyInstance, ids: IdGenerator): void {
  app.server.on('connect', (_request, socket) => respondAndClose(app, tunnelRefused, socket, ids));
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

function respondAndClose(
  app: FastifyInstance,
  { status, phrase, error }: RawErrorResponse,
  socket: Duplex,
  ids: IdGenerator,
): void {
  if (!socket.writable || hasStartedResponse(socket)) {
    socket.destroy();
    return;
  }
  const { headers, body } = app.describeParserError?.(error) ?? plainResponse(error, ids);
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  writeAndClose(socket, `HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}\r\n${body}`);
}

function plainResponse(error: ConnectError, ids: IdGenerator): ParserErrorResponse {
  const requestId = ids.next('req'); // the headers were not read
  const code = ErrorReason[errorInfo(error)?.reason ?? ErrorReason.INTERNAL];
  return {
    headers: { 'content-type': 'application/json; charset=utf-8', [internalHeaders.requestId]: requestId },
    body: JSON.stringify({ error_code: code, detail: `${code}: ${error.rawMessage}`, request_id: requestId }),
  };
}

/**
 * Writes the last bytes of a connection, and closes it also when the client does not close its side. Node removes its own
 * listeners from the socket of a CONNECT: without one, the error of a client that is gone would end the process.
 */
function writeAndClose(socket: Duplex, text: string): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_TIMEOUT_MS).unref();
  socket.on('error', () => {}).once('close', () => clearTimeout(timer));
  socket.end(text);
  socket.resume();
}

/** An error may occur in the middle of a body, when its answer is being sent. Node keeps that response at the socket. */
function hasStartedResponse(socket: Duplex): boolean {
  const { _httpMessage: response } = socket as { _httpMessage?: { headersSent: boolean } | null };
  return response?.headersSent === true;
}
