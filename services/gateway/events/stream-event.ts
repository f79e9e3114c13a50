import { create } from '@bufbuild/protobuf';
import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import {
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import { decodeEvent } from '../../lib/messaging/bus/decode-event.ts';
import type { LoggedEvent } from '../../lib/messaging/bus/event-log.ts';
import { frameTypesOf } from '../sse/event-frames.ts';
import type { FrameType } from '../sse/frame.ts';
import { type Cursor, encodeCursor } from './cursor.ts';
import { sequenceKey } from './deduplicator.ts';

/** An event without the content that only senders may read, with its position in the log. */
export interface StreamEvent {
  readonly position: bigint;
  readonly tenant: string;
  /** Its order in an earlier generation of the log; undefined for an event that is new in this one. */
  readonly order?: bigint;
  readonly event: Event;
  /** Its sequence key; one shared string, because every stream keeps it. */
  readonly sequence: string;
  /** The types of its frames. */
  readonly types: readonly FrameType[];
  /** The response for it; one shared object, so that it is encoded once for all streams. */
  readonly response: WatchEventsResponse;
  /** Its approximate size in memory. */
  readonly bytes: number;
}

/** Identifies the log that a record is in. */
export type LogIdentity = Pick<Cursor, 'generationId' | 'generationNumber'>;

/** Decodes a record of the log and removes what only senders may see. Throws if the payload is not an event. */
export function toStreamEvent(record: LoggedEvent, { generationId, generationNumber }: LogIdentity): StreamEvent {
  const { position, tenant, order, payload } = record;
  const event = redactContent(decodeEvent(record));
  const cursor = encodeCursor({ generationId, generationNumber, position });
  const response = create(WatchEventsResponseSchema, { cursor, kind: { case: 'event', value: event } });
  const sequence = sequenceKey(event);
  return { position, tenant, order, event, sequence, types: frameTypesOf(event), response, bytes: payload.length };
}

/** The shared response, or a copy of it if the cursor of this stream has further fields. */
export function responseOf({ response }: StreamEvent, cursor: Cursor): WatchEventsResponse {
  return cursor.seen === undefined ? response : { ...response, cursor: encodeCursor(cursor) };
}

/** Returns a copy: consumers share the event itself. */
function redactContent(event: Event): Event {
  const { payload } = event;
  if (payload.case === 'sessionCreated')
    return { ...event, payload: { case: payload.case, value: { ...payload.value, task: undefined } } };
  if (payload.case === 'taskChanged' && payload.value.task) {
    const task = { ...payload.value.task, sendContent: '' };
    return { ...event, payload: { case: payload.case, value: { ...payload.value, task } } };
  }
  return event;
}
