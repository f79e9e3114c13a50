import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type CreateSessionRequest,
  type CreateSessionResponse,
  CreateSessionResponseSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type CommandContext, severityOfTask } from './commands.ts';
import { createSessionRecord } from './create-session-record.ts';
import { isManualType, type SessionRecord } from './session.ts';
import type { OpenedSession } from './session-events.ts';
import { taskSpec } from './task-spec.ts';

/** The keys and ids that a new session gets besides the fields of its request. */
export interface NewSessionKeys {
  readonly accountKey: string;
  readonly shopKey: string;
  readonly sessionId: string;
  /** The id of the first task; a manual task type has none. */
  readonly taskId: string;
  readonly createHash: string;
}

/** The session that a request with its defaults opens, and its first task. */
export function sessionFromRequest(
  request: CreateSessionRequest,
  { accountKey, shopKey, sessionId, taskId, createHash }: NewSessionKeys,
  { now, actor }: CommandContext,
): OpenedSession {
  const manual = isManualType(request.taskType);
  const severity = severityOfTask(request.taskType);
  const session = createSessionRecord(
    manual ? 'open_human' : 'open_bot',
    {
      sessionId,
      taskType: request.taskType,
      externalTaskId: request.externalTaskId,
      firstTaskId: manual ? '' : taskId,
      createHash,
      platform: request.platform,
      accountKey,
      shopKey,
      accountId: request.accountId,
      shopId: request.shopId,
      shopName: request.shopName,
      maxInactiveMinutes: request.maxInactiveMinutes ?? 0,
      vip: request.vip,
      escalation: manual
        ? { reason: HandoverReason.MANUAL, severity, details: '', triggerAt: now, evidence: [] }
        : undefined,
    },
    now,
  );
  const task = manual
    ? undefined
    : taskSpec(session, request, { taskId, ownerEpoch: session.ownerEpoch, createdAt: now });
  return { session, task, actor, unattendedMessage: false };
}

/** The response to the request with this hash, which opened the session or took it from the bot. */
export function createSessionResponse(
  request: CreateSessionRequest,
  hash: string,
  session: SessionRecord,
): CreateSessionResponse {
  const takenFromBot = session.takenHash === hash;
  return create(CreateSessionResponseSchema, {
    sessionId: session.sessionId,
    taskId: takenFromBot ? '' : session.firstTaskId,
    externalTaskId: request.externalTaskId,
    taskType: session.taskType,
    state: session.state,
    createdAt: timestampFromMs(session.createdAt),
    status: session.control,
    takenFromBot,
  });
}
