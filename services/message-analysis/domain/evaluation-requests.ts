import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type ConversationMessage,
  ConversationMessageSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type MessageToExplain, MessageToExplainSchema } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { foldText } from '../../lib/text/fold-text.ts';
import { hasBotPrefix } from './bot-prefix.ts';
import { isNotice } from './message-kind.ts';
import type { MatchedReceipt, PendingMessage } from './pending-message.ts';

/** Receipts that messages matched, by message id. */
export type ReceiptsByMessageId = ReadonlyMap<string, MatchedReceipt>;

/**
 * The pending messages that the bot may have sent, for task-dispatch. Messages that the receiver marks as the account's need no
 * check. Messages without text are not included: nothing distinguishes the bot's picture from a human's.
 */
export function messagesToExplain(all: readonly PendingMessage[]): MessageToExplain[] {
  const pending = all.filter(({ content, type }) => content !== '' && !isNotice(type));
  const certain = pending.filter(({ role, unsure }) => !unsure && role === MessageRole.ACCOUNT);
  const accountContents = new Set(certain.map(({ content }) => foldText(content)));
  return pending
    .filter(({ role, unsure, content }) =>
      unsure ? !accountContents.has(foldText(content)) : role === MessageRole.ACCOUNT,
    )
    .map(({ messageId, content, time, receivedAt }) =>
      create(MessageToExplainSchema, {
        messageId,
        content,
        sentAt: timestampOf(time),
        storedAt: timestampFromMs(receivedAt),
      }),
    );
}

/**
 * The pending messages as the session service evaluates them. A message that matched a receipt is the account's, whatever its
 * nick; each message carries the session of the newest matched receipt before it.
 */
export function conversationMessages(
  pending: readonly PendingMessage[],
  receipts: ReceiptsByMessageId,
  botPrefix: string,
): ConversationMessage[] {
  const receiptSessions = latestReceiptSessions(pending, receipts);
  const beforeFirstReceipt = countBeforeFirstReceipt(pending, receipts);
  return pending.map((message, i) => {
    const notice = isNotice(message.type);
    return create(ConversationMessageSchema, {
      messageId: message.messageId,
      seq: message.seq,
      role: effectiveRole(message, receipts),
      sentAt: timestampOf(message.time),
      explained: notice || receipts.has(message.messageId) || isMarkedAsBot(message, botPrefix),
      afterReceiptOfSession: receiptSessions[i],
      beforeKnown: message.knownReceivedAt !== undefined || i < beforeFirstReceipt,
      knownReceivedAt: timestampOf(message.knownReceivedAt),
      receivedAt: timestampOf(message.receivedAt),
      notice,
    });
  });
}

/** The role of a message, now that the receipts are known. */
export function effectiveRole({ messageId, role }: PendingMessage, receipts: ReceiptsByMessageId): MessageRole {
  return receipts.has(messageId) ? MessageRole.ACCOUNT : role;
}

/** The nicks that matched receipts prove to be the account's. */
export function matchedNicks(pending: readonly PendingMessage[], receipts: ReceiptsByMessageId): string[] {
  const matched = pending.filter(({ messageId }) => receipts.has(messageId));
  return [...new Set(matched.map(({ sender }) => sender))];
}

function isMarkedAsBot({ role, content }: PendingMessage, botPrefix: string): boolean {
  return botPrefix !== '' && role === MessageRole.ACCOUNT && hasBotPrefix(content, botPrefix);
}

/**
 * How many messages stand before the first one that the bot has sent, in the first upload of a conversation; 0 otherwise. In
 * an upload without times nothing else identifies old messages.
 */
function countBeforeFirstReceipt(pending: readonly PendingMessage[], receipts: ReceiptsByMessageId): number {
  if (!pending.some(({ seq }) => seq === 1)) return 0;
  return Math.max(
    0,
    pending.findIndex(({ messageId }) => receipts.has(messageId)),
  );
}

/** The session of the newest matched receipt at or before each message. */
function latestReceiptSessions(pending: readonly PendingMessage[], receipts: ReceiptsByMessageId): string[] {
  let current = '';
  let lastKnown = '';
  return pending.map(({ messageId, receiptBefore }) => {
    // between the two messages stands another stored message with a receipt
    if (receiptBefore !== lastKnown) current = receiptBefore || current;
    lastKnown = receiptBefore;
    current = receipts.get(messageId)?.sessionId ?? current;
    return current;
  });
}

function timestampOf(ms: number | undefined) {
  return ms === undefined ? undefined : timestampFromMs(ms);
}
