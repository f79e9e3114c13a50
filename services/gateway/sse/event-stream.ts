import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import {
  type Resync,
  ResyncSchema,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Clock } from '../../lib/clock.ts';
import { typesOf } from '../events/filter.ts';
import type { ErrorBody } from '../rest/problem.ts';
import { render } from '../rest/render.ts';
import { framesOf } from './frames.ts';

/** Opens every stream: a lost connection is tried again after 2 s. */
export const STREAM_START = 'retry: 2000\n\n';

/** How the responses of a WatchEvents call read as SSE. */
export function eventWriter(
  request: Pick<WatchEventsRequest, 'types'>,
  clock: Clock,
): (response: WatchEventsResponse) => string {
  const types = typesOf(request.types);
  return ({ cursor, kind }) => {
    if (kind.case === 'event') return shown(writtenFrames(kind.value), types, cursor);
    if (kind.case === 'resync') return frameText(resyncFrame(kind.value, clock.now()), cursor);
    return heartbeatText(cursor);
  };
}

/** The last frame of a stream that ends with an error. */
export function errorText(body: ErrorBody): string {
  return frameText({ ...body, type: 'error' });
}

export interface WrittenFrame {
  readonly type: string;
  /** All of it but the cursor. */
  readonly text: string;
}

/** An event goes to many streams as the same object: it is written once. */
const written = new WeakMap<Event, readonly WrittenFrame[]>();

/** The frames of an event as they are written, the cursor left out. */
export function writtenFrames(event: Event): readonly WrittenFrame[] {
  let frames = written.get(event);
  if (!frames) {
    frames = framesOf(event).map((frame) => ({ type: frame.type, text: frameText(frame) }));
    written.set(event, frames);
  }
  return frames;
}

/**
 * The frames of the wanted types. Only the last frame of an event carries the cursor: a client that saw half of an event gets
 * all of it again.
 */
export function shown(frames: readonly WrittenFrame[], types: ReadonlySet<string>, cursor: string): string {
  const visible = frames.filter(({ type }) => isWanted(type, types));
  return visible.map(({ text }, index) => (index === visible.length - 1 ? `id: ${cursor}\n${text}` : text)).join('');
}

/** Whether frames of a type are shown, where no types stand for all of them. */
export function isWanted(type: string, types: ReadonlySet<string>): boolean {
  return types.size === 0 || types.has(type);
}

/** A comment; the cursor beside it lets a quiet stream be resumed without being an event. */
function heartbeatText(cursor: string): string {
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
    ...render(ResyncSchema, resync),
  };
}

function frameText(frame: { readonly type: string }, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${frame.type}\ndata: ${oneLine(frame)}\n\n`;
}

/** JSON in one line, also for clients that split text at Unicode line separators. */
function oneLine(frame: object): string {
  return JSON.stringify(frame).replace(/[\u0085\u2028\u2029]/g, (sign) => UNICODE_ESCAPES[sign] ?? sign);
}

const UNICODE_ESCAPES: Readonly<Record<string, string>> = {
  '\u0085': '\\u0085',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
