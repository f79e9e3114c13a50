import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { SessionRef } from '../domain/session-ref.ts';

/** Whose session an event is about, from its own fields; `shopName` is the payload's. */
export function sessionRefOf(event: Event, shopName: string): SessionRef {
  const { sessionId, accountId, shopId } = event;
  return { sessionId, sessionName: event.sessionName || sessionId, accountId, shopId, shopName };
}

/** When it happened, in epoch milliseconds. */
export function occurredAtMs({ occurredAt }: Event): number {
  return timestampMs(requireField(occurredAt, 'time'));
}

/** A part that every event of the kind has. Throws without it: the event is parked and shown, not passed over. */
export function requireField<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`an event without its ${name}`);
  return value;
}
