import type { JsonValue } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Event, SourceSchema, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { enumName } from '../rest/enum-names.ts';

/** The data of one SSE frame; `type` is also its event name. */
export interface Frame {
  readonly type: FrameType;
  readonly [name: string]: JsonValue;
}

/** The frame type of each change of a task. */
export const taskFrameTypes = {
  [TaskChange.CREATED]: 'task_created',
  [TaskChange.FETCHED]: 'task_fetched',
  [TaskChange.COMPLETED]: 'task_completed',
  [TaskChange.FAILED]: 'task_failed',
  [TaskChange.CANCELLED]: 'task_cancelled',
  [TaskChange.UNKNOWN]: 'task_unknown',
  [TaskChange.REQUEUED]: 'task_requeued',
  [TaskChange.DEAD]: 'task_dead',
  [TaskChange.UNSETTLED]: 'task_unsettled',
} as const;

/** The names that a stream can be filtered by. */
export const FRAME_TYPES = [
  'session_created',
  'status_change',
  'state_change',
  'manual_message',
  'intervention_detected',
  ...Object.values(taskFrameTypes),
  'message_received',
  'bot_message',
  'handover_queued',
  'handover_assigned',
  'reminder',
  'resync',
  'heartbeat',
] as const;

export type FrameType = (typeof FRAME_TYPES)[number];

/** Whether a stream can be filtered by this name. */
export function isFrameType(name: string): name is FrameType {
  return (FRAME_TYPES as readonly string[]).includes(name);
}

/**
 * The fields of every frame: what happened, where and when (Unix seconds), and the identity of its event: an event that is
 * delivered again has the same `event_id`, and the same number from the same source. `version` is null when the session did not
 * change.
 */
export function frameHeader<T extends FrameType>(event: Event, type: T) {
  return {
    type,
    session_id: event.sessionId,
    session_name: event.sessionName || event.sessionId,
    version: event.sessionVersion || null,
    timestamp: event.occurredAt ? timestampMs(event.occurredAt) / 1_000 : null,
    event_id: event.eventId,
    source: enumName(SourceSchema, event.source),
    source_seq: event.sourceSeq,
  };
}
