import { MessageDelivery } from '../../../gen/autosession/message/v1/message_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';

/** An agent's message to a shop, from its acceptance until its task and its row in the conversation are stored. */
export interface OutgoingMessage {
  tenant: string;
  sessionId: string;
  messageId: string;
  /** The task that sends it. */
  taskId: string;
  agentId: string;
  agentName: string;
  content: string;
  /** The session's epoch when it was accepted. */
  ownerEpoch: number;
  /** See MessageRow: an event of the task may come before the message is in the conversation. */
  delivery: MessageDelivery;
  deliverySeq: number;
  createdAt: number;
}

const deliveries: Record<TaskStatus, MessageDelivery> = {
  [TaskStatus.UNSPECIFIED]: MessageDelivery.QUEUED,
  [TaskStatus.PENDING]: MessageDelivery.QUEUED,
  [TaskStatus.HELD]: MessageDelivery.QUEUED,
  [TaskStatus.LEASED]: MessageDelivery.QUEUED,
  [TaskStatus.FETCHED]: MessageDelivery.FETCHED,
  [TaskStatus.UNKNOWN]: MessageDelivery.UNKNOWN,
  [TaskStatus.COMPLETED]: MessageDelivery.SENT,
  [TaskStatus.FAILED]: MessageDelivery.FAILED,
  [TaskStatus.CANCELLED]: MessageDelivery.UNSENT,
  [TaskStatus.DEAD]: MessageDelivery.FAILED,
};

/** How far a message has come whose task has this status. */
export function deliveryOf(status: TaskStatus): MessageDelivery {
  return deliveries[status] ?? MessageDelivery.QUEUED;
}
