import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import {
  type Resync,
  ResyncSchema,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Clock } from '../../lib/runtime/clock.ts';
import { parseTypes } from '../events/event-filter.ts';
import { encodeMessage } from '../rest/encode-message.ts';
import type { ErrorEnvelope } from '../rest/error-envelope.ts';
import { framesOf } from './event-frames.ts';

/** The start of every stream: clients reconnect after 2 s. */
export const STREAM_PREAMBLE = 'retry: 2000\n\n';

/** Encodes the responses of a WatchEvents call as SSE. */
export function sseEncoder(
  request: Pick<WatchEventsRequest, 'types'>,
  clock: Clock,
): (response: WatchEventsResponse) => string {
  const types = parseTypes(request.types);
  return ({ cursor, kind }) => {
    if (kind.case === 'event') return joinFrames(encodeFrames(kind.value), types, cursor);
    if (kind.case === 'resync') return encodeFrame(resyncFrame(kind.value, clock.now()), cursor);
    return encodeHeartbeat(cursor);
  };
}

/** The last frame of a stream that ends with an error. */
export function encodeErrorFrame(body: ErrorEnvelope): string {
  return encodeFrame({ ...body, type: 'error' });
}

export interface EncodedFrame {
  readonly type: string;
  /** The whole frame without the cursor. */
  readonly text: string;
}

/** Many streams send the same event object: it is encoded once. */
const framesByEvent = new WeakMap<Event, readonly EncodedFrame[]>();

/** The encoded frames of an event, without the cursor. */
export function encodeFrames(event: Event): readonly EncodedFrame[] {
  let frames = framesByEvent.get(event);
  if (!frames) {
    frames = framesOf(event).map((frame) => ({ type: frame.type, text: encodeFrame(frame) }));
    framesByEvent.set(event, frames);
  }
  return frames;
}

/**
 * The frames of the selected types. Only the last frame of an event has the cursor: a client that received a part of an event
 * gets all of it again.
 */
export function joinFrames(frames: readonly EncodedFrame[], types: ReadonlySet<string>, cursor: string): string {
  const visible = frames.filter(({ type }) => isSelected(type, types));
  return visible.map(({ text }, index) => (index === visible.length - 1 ? `id: ${cursor}\n${text}` : text)).join('');
}

/** Whether frames of a type are sent; an empty set selects all types. */
export function isSelected(type: string, types: ReadonlySet<string>): boolean {
  return types.size === 0 || types.has(type);
}

/** A comment with the cursor: a client can resume an idle stream from it, and sees no event. */
function encodeHeartbeat(cursor: string): string {
  return `: heartbeat\nid: ${cursor}\n\n`;
}

function resyncFrame(resync: Resync, now: number) {
  const { session } = resync;
  return {
    type: 'resync',
    session_id: session?.sessionId ?? null,
    session_name: session?.sessionName ?? null,
    version: session?.version ?? null,
    timestamp: now / 1_000,
    ...encodeMessage(ResyncSchema, resync),
  };
}

function encodeFrame(frame: { readonly type: string }, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${frame.type}\ndata: ${singleLineJson(frame)}\n\n`;
}

/** JSON on one line, also for clients that split text at Unicode line separators. */
export function singleLineJson(frame: object): string {
  return JSON.stringify(frame).replace(/[\u0085\u2028\u2029]/g, (separator) => UNICODE_ESCAPES[separator] ?? separator);
}

const UNICODE_ESCAPES: Readonly<Record<string, string>> = {
  '\u0085': '\\u0085',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
