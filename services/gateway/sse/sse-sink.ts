import type { ServerResponse } from 'node:http';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { WatchEventsRequest, WatchEventsResponse } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { StreamSink } from '../../lib/rpc/stream-sink.ts';
import { parseTypes } from '../events/event-filter.ts';
import { type EncodedFrame, encodeFrames, isSelected, joinFrames } from './sse-encoder.ts';

/** Writes a stream's events directly to the socket of its response, as chunks of HTTP/1.1. */
export class SseSink implements StreamSink {
  readonly #raw: ServerResponse;
  readonly #types: ReadonlySet<string>;

  constructor(raw: ServerResponse, request: Pick<WatchEventsRequest, 'types'>) {
    this.#raw = raw;
    this.#types = parseTypes(request.types);
  }

  /** False for HTTP/1.0, which has no chunks: such clients pull the events. */
  get writable(): boolean {
    const { socket, headersSent, chunkedEncoding, writableEnded } = this.#raw;
    return headersSent && chunkedEncoding && !writableEnded && !!socket?.writable && !socket.writableNeedDrain;
  }

  /** The response's own `write` would split each chunk into four writes, and defer them to the next tick. */
  send<D extends DescMessage>(_schema: D, messages: readonly MessageShape<D>[]): void {
    const { socket } = this.#raw;
    const chunks = messages.map((message) => eventChunk(message as unknown as WatchEventsResponse, this.#types));
    if (chunks.length > 1) socket?.cork();
    for (const chunk of chunks) socket?.write(chunk);
    if (chunks.length > 1) socket?.uncork();
  }
}

/** By response and by mask of the selected frames: streams with the same selection share the bytes. */
const chunksByResponse = new WeakMap<WatchEventsResponse, Buffer[]>();

function eventChunk(response: WatchEventsResponse, types: ReadonlySet<string>): Buffer {
  const { kind, cursor } = response;
  if (kind.case !== 'event') throw new Error(`${kind.case} is not pushed`);
  const frames = encodeFrames(kind.value);
  const cached = chunksByResponse.get(response) ?? [];
  const mask = frameMask(frames, types);
  let chunk = cached[mask];
  if (!chunk) {
    chunk = httpChunk(joinFrames(frames, types, cursor));
    cached[mask] = chunk;
    chunksByResponse.set(response, cached);
  }
  return chunk;
}

/** One bit per selected frame. */
function frameMask(frames: readonly EncodedFrame[], types: ReadonlySet<string>): number {
  return frames.reduce((mask, { type }, index) => (isSelected(type, types) ? mask | (1 << index) : mask), 0);
}

/** An empty chunk would end the response. */
function httpChunk(text: string): Buffer {
  return Buffer.from(text && `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
