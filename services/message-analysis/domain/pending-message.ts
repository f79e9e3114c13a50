import type { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';

/** A stored message that is not finalized yet, with its position in its batch. */
export interface PendingMessage {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  /** Whether a matched receipt may still make it the account's. */
  readonly unsure: boolean;
  readonly sender: string;
  /** Empty when the message has no text. */
  readonly content: string;
  /** The receiver's name for its kind. */
  readonly type: string;
  readonly receivedAt: number;
  /** When it was sent, or its neighbour's time; undefined when no neighbour has one either. */
  readonly time?: number;
  /** When the newest of the finalized messages after it in its batch was received; undefined without one. */
  readonly knownReceivedAt?: number;
  /** The session of the receipt that the nearest finalized message before it in its batch matched; empty if none. */
  readonly receiptBefore: string;
}

/** The receipt that a message matched. */
export interface MatchedReceipt {
  readonly taskId: string;
  readonly sessionId: string;
  /** The agent's message that the task sent; empty for a bot's task. */
  readonly agentMessageId: string;
}
