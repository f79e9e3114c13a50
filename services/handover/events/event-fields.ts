import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { SessionRef } from '../domain/session-ref.ts';

/** The session of an event, from the event's own fields; `shopName` is the payload's. */
export function sessionRefOf(event: Event, shopName: string): SessionRef {
  const { sessionId, accountId, shopId } = event;
  return { sessionId, sessionName: event.sessionName || sessionId, accountId, shopId, shopName };
}

/** The event's time in epoch milliseconds. */
export function occurredAtMs({ occurredAt }: Event): number {
  return timestampMs(requireField(occurredAt, 'time'));
}

/** A field that every event of the kind has. Throws without it: the event is then dead-lettered, not skipped. */
export function requireField<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`an event without its ${name}`);
  return value;
}
