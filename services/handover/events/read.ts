import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Parties } from '../domain/parties.ts';

/** Whose session an event is about, from its own fields; `shopName` is the payload's. */
export function partiesOf(event: Event, shopName: string): Parties {
  const { sessionId, accountId, shopId } = event;
  return { sessionId, sessionName: event.sessionName || sessionId, accountId, shopId, shopName };
}

/** When it happened, in epoch milliseconds. */
export function timeOf({ occurredAt }: Event): number {
  return timestampMs(present(occurredAt, 'time'));
}

/** A part that every event of the kind has. Throws without it: the event is parked and shown, not passed over. */
export function present<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`an event without its ${name}`);
  return part;
}
