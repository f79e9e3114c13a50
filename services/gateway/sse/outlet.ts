import type { ServerResponse } from 'node:http';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { WatchEventsRequest, WatchEventsResponse } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Outlet } from '../../lib/outlet.ts';
import { typesOf } from '../events/filter.ts';
import { isWanted, shown, type WrittenFrame, writtenFrames } from './event-stream.ts';

/** Writes a stream's events straight on the socket of its response, as chunks of HTTP/1.1. */
export class SseOutlet implements Outlet {
  readonly #raw: ServerResponse;
  readonly #types: ReadonlySet<string>;

  constructor(raw: ServerResponse, request: Pick<WatchEventsRequest, 'types'>) {
    this.#raw = raw;
    this.#types = typesOf(request.types);
  }

  /** HTTP/1.0 has no chunks: there the events are pulled. */
  get takes(): boolean {
    const { socket, headersSent, chunkedEncoding, writableEnded } = this.#raw;
    return headersSent && chunkedEncoding && !writableEnded && !!socket?.writable && !socket.writableNeedDrain;
  }

  /** The response's own `write` would give the socket four parts for each chunk, and let it send them in the next tick. */
  send<D extends DescMessage>(_schema: D, messages: readonly MessageShape<D>[]): void {
    const { socket } = this.#raw;
    const chunks = messages.map((message) => eventChunk(message as unknown as WatchEventsResponse, this.#types));
    if (chunks.length > 1) socket?.cork();
    for (const chunk of chunks) socket?.write(chunk);
    if (chunks.length > 1) socket?.uncork();
  }
}

/** By response, and by which of its frames are shown: streams that show the same share the bytes. */
const chunks = new WeakMap<WatchEventsResponse, Buffer[]>();

function eventChunk(response: WatchEventsResponse, types: ReadonlySet<string>): Buffer {
  const { kind, cursor } = response;
  if (kind.case !== 'event') throw new Error(`${kind.case} is not pushed`);
  const frames = writtenFrames(kind.value);
  const known = chunks.get(response) ?? [];
  const which = wantedOf(frames, types);
  let chunk = known[which];
  if (!chunk) {
    chunk = chunkOf(shown(frames, types, cursor));
    known[which] = chunk;
    chunks.set(response, known);
  }
  return chunk;
}

/** A bit for each frame that is shown. */
function wantedOf(frames: readonly WrittenFrame[], types: ReadonlySet<string>): number {
  return frames.reduce((which, { type }, index) => (isWanted(type, types) ? which | (1 << index) : which), 0);
}

/** An empty chunk would end the response. */
function chunkOf(text: string): Buffer {
  return Buffer.from(text && `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
