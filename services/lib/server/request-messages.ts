import { compressionGzip } from '@connectrpc/connect-node';

/** The envelope's flag of a message that is compressed. */
const COMPRESSED = 1;
/** Flags (one byte) and length (four). */
const PREFIX_BYTES = 5;

/**
 * The messages in the body of an RPC, decompressed: one if it is a unary message of Connect, else the content of its envelopes.
 * A message that cannot be decompressed, or not within `maxBytes`, ends the list: the code that parses the body refuses it.
 */
export async function* messagesIn(body: Buffer, header: Headers, maxBytes: number): AsyncIterable<Uint8Array> {
  if (/^application\/(json|proto)/.test(header.get('content-type') ?? '')) {
    const message = await plain(body, header.get('content-encoding') === 'gzip', maxBytes);
    if (message) yield message;
    return;
  }
  for (let start = 0; start + PREFIX_BYTES <= body.length; ) {
    const end = start + PREFIX_BYTES + body.readUInt32BE(start + 1);
    const isCompressed = ((body[start] ?? 0) & COMPRESSED) !== 0;
    const message = await plain(body.subarray(start + PREFIX_BYTES, end), isCompressed, maxBytes);
    if (!message) return;
    yield message;
    start = end;
  }
}

async function plain(bytes: Uint8Array, isCompressed: boolean, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!isCompressed) return bytes;
  return compressionGzip.decompress(bytes, maxBytes).catch(() => undefined);
}
