import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { callService } from '../call-service.ts';
import type { MessageDeps } from '../deps.ts';
import {
  conversationMessages,
  effectiveRole,
  matchedNicks,
  messagesToExplain,
  type ReceiptsByMessageId,
} from '../domain/evaluation-requests.ts';
import { isNotice } from '../domain/message-kind.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import type { ConversationParties } from '../store/conversation.ts';
import type { EvaluatedMessage } from '../store/verdicts.ts';

/** Pending messages of one conversation, in order, with what their evaluation needs. */
export interface EvaluationInput {
  readonly parties: ConversationParties;
  readonly pending: readonly PendingMessage[];
  /** Keys of shops that were merged into the conversation's shop. */
  readonly formerShopKeys: readonly string[];
  /** The session that has yet to be moved to the conversation's account; empty for none. */
  readonly claimedSessionId: string;
  readonly botPrefix: string;
  /** The times of the oldest and the newest message that the batch shows; undefined when it carries none. */
  readonly window?: { readonly oldest: number; readonly newest: number };
  readonly maxInactiveMinutes?: number;
}

/** What the evaluation found. */
export interface Evaluation {
  readonly messages: readonly EvaluatedMessage[];
  /** The conversation's open session; undefined without one. */
  readonly session?: Session;
  /** What happened to sessions, as the session service names it. */
  readonly operations: readonly string[];
  /** The session that was moved to the conversation's account; empty for none. */
  readonly claimedSessionId: string;
}

/** A name of the batch means another account or shop by now: nothing was done, and the parties must be resolved again. */
export class PartiesChangedError extends Error {}

/**
 * Matches the messages with receipts and applies them to their session: when this returns, a human's intervention is in
 * force. Both calls are idempotent. Throws SERVICE_UNAVAILABLE and PartiesChangedError; nothing is finalized then.
 */
export async function evaluateMessages(deps: MessageDeps, input: EvaluationInput): Promise<Evaluation> {
  const { parties, formerShopKeys, pending, claimedSessionId, botPrefix, maxInactiveMinutes } = input;
  const receipts = await fetchReceipts(deps, input);
  const answer = await callService(
    deps.sessions.applyMessages({
      platform: parties.platform,
      accountKey: parties.accountKey,
      shopKey: parties.shopKey,
      accountId: parties.accountId,
      shopId: parties.shopId,
      shopName: parties.shopName,
      maxInactiveMinutes,
      claimedSessionId,
      formerShopKeys: [...formerShopKeys],
      messages: conversationMessages(pending, receipts, botPrefix),
      matchedNicks: matchedNicks(pending, receipts),
    }),
  );
  if (answer.partiesMoved) throw new PartiesChangedError('a name has changed its owner');
  const applied = new Map(answer.messages.map((message) => [message.messageId, message]));
  const messages = pending.map((message): EvaluatedMessage => {
    const { messageId, seq } = message;
    const result = applied.get(messageId);
    if (!result) throw appError(ErrorReason.SERVICE_UNAVAILABLE, `the message ${messageId} has no verdict`);
    const { verdict, sessionId } = result;
    const role = effectiveRole(message, receipts);
    const notice = isNotice(message.type);
    return { messageId, seq, role, notice, verdict, sessionId, receipt: receipts.get(messageId) };
  });
  return { messages, session: answer.session, operations: answer.operations, claimedSessionId };
}

/**
 * The evaluation of pending messages whose names mean another account or shop by now: HISTORY, in no session. No receiver got
 * a verdict for them, and they come again, under the parties that they belong to, with the next upload of the window.
 */
export function evaluateAsHistory(pending: readonly PendingMessage[]): Evaluation {
  const messages = pending.map((message): EvaluatedMessage => {
    const { messageId, seq, role, type } = message;
    return { messageId, seq, role, notice: isNotice(type), verdict: Verdict.HISTORY, sessionId: '' };
  });
  return { messages, operations: ['history'], claimedSessionId: '' };
}

/** The receipts that the messages match. A window without candidates still proves what was not sent. */
async function fetchReceipts(
  deps: MessageDeps,
  { parties, formerShopKeys, pending, window }: EvaluationInput,
): Promise<ReceiptsByMessageId> {
  const messages = messagesToExplain(pending);
  if (messages.length === 0 && !window) return new Map();
  const { explained } = await callService(
    deps.tasks.explainMessages({
      accountKey: parties.accountKey,
      shopKey: parties.shopKey,
      formerShopKeys: [...formerShopKeys],
      messages,
      oldestAt: window && timestampFromMs(window.oldest),
      newestAt: window && timestampFromMs(window.newest),
    }),
  );
  return new Map(explained.map(({ messageId, taskId, sessionId }) => [messageId, { taskId, sessionId }]));
}
