import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import type { TaskSpec } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Change } from './apply-command.ts';
import type { SessionRecord } from './session.ts';
import { sessionToProto } from './session-to-proto.ts';

/** A session to insert, and the content of its event. */
export interface OpenedSession {
  readonly session: SessionRecord;
  /** Its first task; undefined for a human session. */
  readonly task?: TaskSpec;
  readonly actor: string;
  /** Whether a message without a session opened it. */
  readonly unattendedMessage: boolean;
}

/** The fields that all events of a session have. */
function envelope(session: SessionRecord) {
  return {
    source: Source.SESSION,
    sessionId: session.sessionId,
    sessionName: session.sessionName,
    accountId: session.accountId,
    shopId: session.shopId,
    sourceSeq: session.sourceSeq,
    sessionVersion: session.version,
    occurredAt: timestampFromMs(session.updatedAt),
  };
}

export function sessionChangedEvent({ command, before, after, reason, actor, evidence, epochRaised }: Change) {
  return {
    ...envelope(after),
    payload: {
      case: 'sessionChanged' as const,
      value: {
        session: sessionToProto(after),
        command,
        reason,
        actor,
        previousState: before.state,
        previousStatus: before.control,
        tasksFromEpoch: after.tasksFromEpoch,
        evidenceMessageIds: [...evidence],
        epochRaised,
      },
    },
  };
}

/** The event of a new session. It carries the first task, so that the task is created even if the call that does so is lost. */
export function sessionCreatedEvent({ session, task, actor, unattendedMessage }: OpenedSession) {
  return {
    ...envelope(session),
    payload: {
      case: 'sessionCreated' as const,
      value: { session: sessionToProto(session), task, actor, unattendedMessage },
    },
  };
}
