import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { QueueLevel, type TaskSpec, TaskSpecSchema } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { lockKey } from '../../lib/db/transaction-context.ts';
import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { callService } from '../call-service.ts';
import type { MessageDeps } from '../deps.ts';
import { messageControlName } from '../domain/enum-names.ts';
import type { OutgoingMessage } from '../domain/outgoing-message.ts';
import { allocateSeqs, ConversationMergedError } from '../store/add-messages.ts';
import type { ConversationParties } from '../store/conversation.ts';
import { findConversationId } from '../store/conversation-adoption.ts';
import { deleteOutgoing, insertAgentMessage, lockOutgoing } from '../store/outgoing-messages.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import { findMessage, findSessionMessage, toMessage } from '../store/session-messages.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';

/**
 * Why task-dispatch stores no task: the agent was not in control at the message's epoch, or is not any more; or too many messages of the
 * session are not sent yet.
 */
const REFUSALS = [ErrorReason.HANDED_OVER, ErrorReason.RATE_LIMITED] as const;

/** Whether task-dispatch has refused the message: nothing of it was acknowledged, and it can be removed. */
export function isRefused(error: unknown): boolean {
  return REFUSALS.some((reason) => hasErrorReason(error, reason));
}

/**
 * Stores the task of an outgoing message, and then the message in its conversation, with its event; returns the message. Each step may have
 * been done before, by another process as well. Throws the REFUSALS of task-dispatch (nothing was stored), and SERVICE_UNAVAILABLE.
 */
export async function finishOutgoing(
  deps: MessageDeps,
  outgoing: OutgoingMessage,
  session: Session,
): Promise<MessageRow> {
  const request = { task: taskSpec(outgoing, session), status: Control.MANUAL_LIVE };
  await callService(deps.tasks.createTask(request), ...REFUSALS);
  return retryOnConflict(
    deps.db,
    () => storeInConversation(deps, outgoing, session),
    (error) => error instanceof ConversationMergedError,
  );
}

/** The task is sent at most once: the agent decides about a repeat. */
function taskSpec(outgoing: OutgoingMessage, session: Session): TaskSpec {
  const { accountId, shopId, shopName, platform, accountKey, shopKey, taskType, vip } = session;
  return create(TaskSpecSchema, {
    taskId: outgoing.taskId,
    sessionId: outgoing.sessionId,
    ownerEpoch: outgoing.ownerEpoch,
    taskType,
    level: QueueLevel.LEVEL5,
    sendContent: outgoing.content,
    maxAttempts: 1,
    createdAt: timestampFromMs(outgoing.createdAt),
    agentId: outgoing.agentId,
    messageId: outgoing.messageId,
    ...{ accountId, shopId, shopName, platform, accountKey, shopKey, vip },
  });
}

/** Moves the outgoing message to the conversation of its session; a message that was moved before is returned. */
async function storeInConversation(
  deps: MessageDeps,
  outgoing: OutgoingMessage,
  session: Session,
): Promise<MessageRow> {
  const { tenant, sessionId } = outgoing;
  const { accountKey, shopKey } = session;
  const known = await findConversationId(deps.db.autocommit(), tenant, session);
  const conversationId = known ?? deps.ids.next('cnv');
  const newConversation: ConversationParties | undefined = known ? undefined : session;
  const row = await deps.db.transaction<MessageTables, MessageRow | undefined>('store-agent-message', async (tx) => {
    lockKey(`parties ${tenant} ${accountKey} ${shopKey}`);
    const current = await lockOutgoing(tx, outgoing);
    if (current?.taskId !== outgoing.taskId) return findSessionMessage(tx, outgoing);
    const now = deps.clock.now();
    const seq = await allocateSeqs(tx, tenant, { conversationId, newConversation }, 1, now);
    // an upload may have brought a message under the same id; then this one gets another
    const key = { tenant, conversationId, messageId: outgoing.messageId };
    const messageId = (await findMessage(tx, key)) ? deps.ids.next('msg') : outgoing.messageId;
    const stored = await insertAgentMessage(tx, current, { conversationId, seq, messageId, now });
    await emitStored(deps, tx, stored, session);
    await deleteOutgoing(tx, current);
    return stored;
  });
  if (!row) throw new ConversationMergedError(); // moved with its conversation: look it up again
  logStateChange(deps.logger, {
    event: 'agent_message_stored',
    session_id: sessionId,
    session_name: session.sessionName,
    status: messageControlName(Control.MANUAL_LIVE),
    reason: 'manual_message',
  });
  return row;
}

async function emitStored(
  { outbox }: MessageDeps,
  tx: Executor<MessageTables>,
  row: MessageRow,
  { sessionId, sessionName, accountId, shopId, ownerEpoch }: Session,
): Promise<void> {
  const sourceSeq = await outbox.takeSequence(tx, row.tenant, Source.MESSAGE_ANALYSIS, sessionId);
  const value = { message: toMessage(row), status: Control.MANUAL_LIVE, ownerEpoch };
  const payload = { case: 'chatMessageStored', value } as const;
  const source = Source.MESSAGE_ANALYSIS;
  await outbox.emit(tx, row.tenant, [{ source, sessionId, sessionName, sourceSeq, accountId, shopId, payload }]);
}
