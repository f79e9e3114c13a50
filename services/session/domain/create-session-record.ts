import { Creator } from '../../../gen/autosession/session/v1/session_pb.js';
import type { SessionRecord } from './session.ts';
import { type OpenCommand, stateAfterOpening } from './transitions.ts';

/** The fields of a new session that do not follow from its opening command. */
export type NewSessionFields = Pick<
  SessionRecord,
  | 'sessionId'
  | 'taskType'
  | 'externalTaskId'
  | 'firstTaskId'
  | 'createHash'
  | 'platform'
  | 'accountKey'
  | 'shopKey'
  | 'accountId'
  | 'shopId'
  | 'shopName'
  | 'maxInactiveMinutes'
  | 'vip'
> &
  Partial<Pick<SessionRecord, 'sessionName' | 'escalation' | 'chat'>>;

/** A new session at epoch 1. Without a task there is no fence to confirm, so epoch 1 counts as confirmed. */
export function createSessionRecord(opening: OpenCommand, parts: NewSessionFields, now: number): SessionRecord {
  const initialState = stateAfterOpening(opening);
  return {
    ...parts,
    sessionName: parts.sessionName ?? parts.sessionId,
    state: initialState.state,
    control: initialState.control,
    attendantExternal: initialState.external,
    ownerEpoch: 1,
    fencedEpoch: 1,
    tasksFromEpoch: 1,
    version: 1,
    sourceSeq: 1,
    takenHash: '',
    createdBy: opening === 'open_bot' ? Creator.ROBOT : Creator.HUMAN,
    lastReleasedBy: '',
    releasedVersion: 0,
    createdAt: now,
    updatedAt: now,
    lastActivity: now,
    closeReason: '',
  };
}
