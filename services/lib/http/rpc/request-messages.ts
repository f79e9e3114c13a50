import type { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/** The envelope's flag of a message that is compressed. */
const COMPRESSED = 1;
/** Flags (one byte) and length (four). */
const PREFIX_BYTES = 5;

/** A message that a request holds, decompressed. */
export interface RequestMessage {
  readonly bytes: Uint8Array;
  readonly isJson: boolean;
}

type Request = Pick<UniversalServerRequest, 'method' | 'url' | 'header'>;

/**
 * The message of an RPC that takes one, from its body or, for a GET of Connect, from its query. Undefined when it cannot be
 * decompressed, or not within `maxBytes`: the reader of the request refuses that. Throws INVALID_ARGUMENT for a second message
 * without reading it: small compressed messages would otherwise be decompressed for as long as their caller likes.
 */
export async function extractMessage(
  { method, url, header }: Request,
  body: Buffer | undefined,
  maxBytes: number,
): Promise<RequestMessage | undefined> {
  if (method === 'GET') return extractQueryMessage(new URL(url).searchParams, maxBytes);
  if (!body) return undefined;
  const type = header.get('content-type') ?? '';
  const isJson = /^application\/([a-z-]+\+)?json/.test(type);
  if (/^application\/(json|proto)/.test(type))
    return decompress(body, header.get('content-encoding'), { isJson, maxBytes });
  if (body.length < PREFIX_BYTES) return undefined;
  const end = PREFIX_BYTES + body.readUInt32BE(1);
  if (body.length >= end + PREFIX_BYTES) throw notOneMessageError();
  const isCompressed = ((body[0] ?? 0) & COMPRESSED) !== 0;
  return decompress(body.subarray(PREFIX_BYTES, end), isCompressed ? 'gzip' : null, { isJson, maxBytes });
}

/** The refusal of a request that is not the one message that its RPC takes. */
export function notOneMessageError(): ConnectError {
  return appError(ErrorReason.INVALID_ARGUMENT, 'the request must be exactly one message');
}

function extractQueryMessage(query: URLSearchParams, maxBytes: number): Promise<RequestMessage | undefined> {
  const bytes = Buffer.from(query.get('message') ?? '', query.get('base64') === '1' ? 'base64url' : 'utf8');
  return decompress(bytes, query.get('compression'), { isJson: query.get('encoding') === 'json', maxBytes });
}

async function decompress(
  bytes: Uint8Array,
  encoding: string | null,
  { isJson, maxBytes }: { isJson: boolean; maxBytes: number },
): Promise<RequestMessage | undefined> {
  if (encoding !== 'gzip') return { bytes, isJson };
  const message = await compressionGzip.decompress(bytes, maxBytes).catch(() => undefined);
  return message && { bytes: message, isJson };
}
