import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import type { LoggedEvent } from '../../lib/bus/event-log.ts';

/** An event as streams may show it, with its place in the log. */
export interface StreamEvent {
  readonly position: bigint;
  readonly tenant: string;
  readonly event: Event;
  /** What it takes in memory, roughly. */
  readonly bytes: number;
}

/** Reads a record of the log and takes out what only senders may see. Throws on a payload that is no event. */
export function streamEvent({ position, tenant, payload }: LoggedEvent): StreamEvent {
  return { position, tenant, event: withoutContent(fromBinary(EventSchema, payload)), bytes: payload.length };
}

function withoutContent(event: Event): Event {
  const { payload } = event;
  if (payload.case === 'sessionCreated') payload.value.task = undefined;
  if (payload.case === 'taskChanged' && payload.value.task) payload.value.task.sendContent = '';
  return event;
}
