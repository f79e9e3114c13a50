import type { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/** The compressions of requests that RPCs accept. */
const SUPPORTED_ENCODINGS = ['identity', 'gzip'];

/** The headers in which a protocol names the compression of a request, and the accepted ones. */
interface EncodingHeaders {
  readonly request: string;
  readonly accept: string;
}

const grpc: EncodingHeaders = { request: 'grpc-encoding', accept: 'grpc-accept-encoding' };
const connectStream: EncodingHeaders = { request: 'connect-content-encoding', accept: 'connect-accept-encoding' };
const connectUnary: EncodingHeaders = { request: 'content-encoding', accept: 'accept-encoding' };

function headersOf({ header }: UniversalServerRequest): EncodingHeaders {
  const type = header.get('content-type') ?? '';
  if (type.startsWith('application/grpc')) return grpc;
  return type.startsWith('application/connect+') ? connectStream : connectUnary;
}

/** The compression of a request when it is not accepted. */
export function unsupportedEncoding(request: UniversalServerRequest): string | undefined {
  const query = request.method === 'GET' ? new URL(request.url).searchParams.get('compression') : null;
  const encoding = query ?? request.header.get(headersOf(request).request);
  return encoding && !SUPPORTED_ENCODINGS.includes(encoding) ? encoding : undefined;
}

/** UNIMPLEMENTED with the accepted compressions, as gRPC and Connect require: the caller may retry with one of them. */
export async function respondUnsupportedEncoding(
  encoding: string,
  request: UniversalServerRequest,
  respondWith: (error: ConnectError) => Promise<UniversalServerResponse>,
): Promise<UniversalServerResponse> {
  const supported = SUPPORTED_ENCODINGS.join(',');
  const text = `the compression ${encoding.slice(0, 50)} is not among ${supported}`;
  const response = await respondWith(
    appError(ErrorReason.UNSUPPORTED_MEDIA_TYPE, text, { accept_encoding: supported }),
  );
  response.header?.set(headersOf(request).accept, supported);
  return response;
}
