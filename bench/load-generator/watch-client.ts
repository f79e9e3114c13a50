import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  EventService,
  WatchEventsRequestSchema,
  WatchEventsResponseSchema,
} from '../../gen/autosession/event/v1/event_service_pb.js';
import { EnvelopeDecoder, envelope } from './grpc-envelope.ts';
import type { OnEvent } from './jobs/streams.ts';

const STREAMS_PER_CONNECTION = 100;
const MAX_ATTEMPTS = 60;
const RETRY_MS = 1_000;
/** The gRPC status of a temporary refusal. */
const UNAVAILABLE = '14';

const headers = {
  ':method': 'POST',
  ':path': `/${EventService.typeName}/${EventService.method.watchEvents.name}`,
  'content-type': 'application/grpc',
  te: 'trailers',
};
const request = envelope(
  toBinary(WatchEventsRequestSchema, create(WatchEventsRequestSchema, { types: ['session_created'] })),
);

/**
 * Opens WatchEvents calls over gRPC, a hundred per connection; resolves when each has its first response. It uses HTTP/2
 * directly: the library's client takes more CPU for a delivery than the server, and would measure itself.
 */
export async function openWatches(url: string, count: number, onEvent: OnEvent): Promise<AsyncDisposable> {
  const sessions: ClientHttp2Session[] = [];
  const read = eventTimes(onEvent);
  for (let open = 0; open < count; open += STREAMS_PER_CONNECTION) {
    const session = connect(url);
    session.on('error', () => {}); // its streams report the error
    sessions.push(session);
    const some = Math.min(STREAMS_PER_CONNECTION, count - open);
    await Promise.all(Array.from({ length: some }, () => watchWithRetry(session, read)));
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Retries after UNAVAILABLE. The missing deliveries of a stream that ends later count as lost. */
async function watchWithRetry(session: ClientHttp2Session, read: (message: Buffer) => void): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const status = await openWatch(session, read);
    if (status === undefined) return;
    if (status !== UNAVAILABLE || attempt === MAX_ATTEMPTS) throw new Error(`no stream: gRPC status ${status}`);
    await delay(RETRY_MS * Math.random());
  }
}

/** The status of a stream that ends before its first message; undefined once that has arrived. */
function openWatch(session: ClientHttp2Session, read: (message: Buffer) => void): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers);
    const envelopes = new EnvelopeDecoder(read);
    const ended = (trailers: { 'grpc-status'?: unknown }) => {
      if (trailers['grpc-status'] !== undefined) resolve(String(trailers['grpc-status']));
    };
    stream.on('response', ended).on('trailers', ended);
    stream.once('data', () => resolve(undefined));
    stream.on('data', (bytes: Buffer) => envelopes.add(bytes));
    stream.on('error', reject);
    stream.end(request);
  });
}

/** Reports the time of every event. A message with the same bytes as the previous one is not decoded again. */
function eventTimes(onEvent: OnEvent): (message: Buffer) => void {
  let last = Buffer.alloc(0);
  let time: number | undefined;
  return (message) => {
    if (!message.equals(last)) {
      const { kind } = fromBinary(WatchEventsResponseSchema, message);
      last = Buffer.from(message);
      time = kind.case === 'event' && kind.value.occurredAt ? timestampMs(kind.value.occurredAt) : undefined;
    }
    if (time !== undefined) onEvent(time);
  };
}
