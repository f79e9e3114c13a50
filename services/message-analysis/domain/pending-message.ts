import type { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';

/** A stored message that has not been judged yet, with what its batch told of its place in time. */
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
  /** When it was said, or its neighbour's time; undefined when nobody near it carried one. */
  readonly time?: number;
  /** When the newest of the earlier stored messages behind it in its batch was received; undefined without one. */
  readonly knownReceivedAt?: number;
  /** The session of the newest receipt that an earlier stored message before it in its batch had matched; empty if none. */
  readonly receiptBefore: string;
}

/** The receipt that a message matched. */
export interface MatchedReceipt {
  readonly taskId: string;
  readonly sessionId: string;
}
