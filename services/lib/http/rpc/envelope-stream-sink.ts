import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { type DescMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type ContextValues, createContextValues } from '@connectrpc/connect';
import type { StreamSink } from '../../rpc/stream-sink.ts';
import { streamSinkKey } from '../../rpc/stream-sink.ts';

/** The media types under which a server's stream is envelopes of protobuf; the other ones are left to connect-node. */
const ENVELOPED_TYPES = /^application\/(grpc(-web)?(\+proto)?|connect\+proto)$/;
/** Flags (one byte: not compressed, no trailers) and length (four). */
const PREFIX_BYTES = 5;

/** The context values of an RPC, with the sink of its stream. */
export function withStreamSink(request: IncomingMessage | Http2ServerRequest): ContextValues {
  const values = createContextValues();
  if (!('stream' in request) || !ENVELOPED_TYPES.test(request.headers['content-type'] ?? '')) return values;
  return values.set(streamSinkKey, new EnvelopeStreamSink(request.stream));
}

/** Writes gRPC's, gRPC-Web's and Connect's envelopes on an HTTP/2 stream; they are the same in all three. */
class EnvelopeStreamSink implements StreamSink {
  readonly #stream: Http2ServerRequest['stream'];

  constructor(stream: Http2ServerRequest['stream']) {
    this.#stream = stream;
  }

  get writable(): boolean {
    return this.#stream.writable && !this.#stream.writableNeedDrain;
  }

  send<D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]): void {
    const envelopes = messages.map((message) => encodeEnvelope(schema, message));
    if (envelopes.length > 1) this.#stream.cork();
    for (const envelope of envelopes) this.#stream.write(envelope);
    if (envelopes.length > 1) this.#stream.uncork();
  }
}

const envelopes = new WeakMap<Message, Buffer>();

function encodeEnvelope<D extends DescMessage>(schema: D, message: MessageShape<D>): Buffer {
  let envelope = envelopes.get(message);
  if (!envelope) {
    const bytes = toBinary(schema, message);
    envelope = Buffer.alloc(PREFIX_BYTES + bytes.length);
    envelope.writeUInt32BE(bytes.length, 1);
    envelope.set(bytes, PREFIX_BYTES);
    envelopes.set(message, envelope);
  }
  return envelope;
}
