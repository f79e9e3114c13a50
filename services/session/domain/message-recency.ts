/** Clocks of receivers and servers may differ by this much. */
export const MAX_RECEIVER_SKEW_MS = 60_000;

/** A new message of a batch. */
export interface BatchMessage {
  readonly messageId: string;
  readonly side: 'account' | 'shop';
  /** When it was sent, or the time of its neighbour; undefined when neither is known. */
  readonly sentAt?: number;
  /** Whether a receipt of the bot explains it. */
  readonly explained: boolean;
  /** Whether it is a notice of the marketplace, which has no effect on the session. */
  readonly notice: boolean;
  /** The session of the newest matched receipt at or before it in the batch; empty if none. */
  readonly afterReceiptOf: string;
  /** Whether a message that was stored earlier follows it in the batch. */
  readonly beforeKnown: boolean;
  /** When the newest of those messages was received. */
  readonly knownReceivedAt?: number;
  /** When it was stored; undefined for now. */
  readonly receivedAt?: number;
}

/** Whether it was sent after the session began. A message after one of the session's receipts was, whatever its time. */
export function isAfterStart(message: BatchMessage, session: { sessionId: string; createdAt: number }): boolean {
  return message.afterReceiptOf === session.sessionId || isAfterByOrderOrTime(message, session.createdAt);
}

/**
 * Whether it was sent after the last release to the bot. A receipt of the session may be older than the release, so it only
 * counts for messages without a time. A message that was stored before the release belongs to the human's part, even if it
 * is evaluated only now.
 */
export function isAfterRelease(
  message: BatchMessage,
  session: { sessionId: string; lastManualEndAt?: number },
): boolean {
  if (session.lastManualEndAt === undefined) return true;
  if (message.receivedAt !== undefined && message.receivedAt < session.lastManualEndAt) return false;
  if (message.sentAt === undefined && message.afterReceiptOf === session.sessionId) return true;
  return isAfterByOrderOrTime(message, session.lastManualEndAt);
}

/** Whether it was sent after the last session of the conversation was closed; true when there was none. */
export function isAfterClose(message: BatchMessage, closedAt: number | undefined): boolean {
  return closedAt === undefined || isAfterByOrderOrTime(message, closedAt);
}

function isAfterByOrderOrTime(message: BatchMessage, moment: number): boolean {
  if (message.beforeKnown && message.knownReceivedAt !== undefined && message.knownReceivedAt <= moment) return false;
  if (message.sentAt === undefined) return !message.beforeKnown;
  return message.sentAt >= moment - MAX_RECEIVER_SKEW_MS;
}

/** Whether a human typed it under our account: no receipt of the bot explains it. */
export function isHumanTyped(message: BatchMessage): boolean {
  return message.side === 'account' && !message.explained && !message.notice;
}

/** The first messages are proof enough, and every event of the session carries their ids. */
const MAX_EVIDENCE_MESSAGES = 20;

/** The ids of the messages that are kept as evidence of an intervention. */
export function evidenceIds(typed: readonly BatchMessage[]): string[] {
  return typed.slice(0, MAX_EVIDENCE_MESSAGES).map(({ messageId }) => messageId);
}
