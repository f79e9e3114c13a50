import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '../../../../gen/autosession/event/v1/event_pb.js';
import type { LogRecord } from './event-log.ts';

const decodedEvents = new WeakMap<LogRecord, Event>();

/**
 * The event of a record. It is decoded once and shared by all consumers and streams of the process: never change it. Throws on
 * a payload that is no event.
 */
export function decodeEvent(record: LogRecord): Event {
  const cached = decodedEvents.get(record);
  if (cached) return cached;
  const event = fromBinary(EventSchema, record.payload);
  decodedEvents.set(record, event);
  return event;
}
