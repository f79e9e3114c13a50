import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { EventInit, Outbox } from '../../lib/messaging/outbox/outbox.ts';
import type { StoredConversation } from '../store/conversation.ts';
import type { MessageTables } from '../store/tables.ts';
import type { EvaluatedMessage } from '../store/verdicts.ts';

const MAX_IDS_IN_EVENT = 100;

/** Whether the event of its session contains the message. */
export function belongsInEvent({ verdict, sessionId }: EvaluatedMessage): boolean {
  return verdict === Verdict.STORED && sessionId !== '';
}

/** The last event numbers of the sessions that get an event, locked; always in the same order. */
export async function lockSequences(
  outbox: Outbox,
  tx: Executor<MessageTables>,
  tenant: string,
  messages: readonly EvaluatedMessage[],
): Promise<Map<string, number | undefined>> {
  const sessionIds = [...new Set(messages.filter(belongsInEvent).map(({ sessionId }) => sessionId))].sort();
  const last = sessionIds.map((sessionId) => outbox.lockSequence(tx, tenant, Source.MESSAGE_ANALYSIS, sessionId));
  const numbers = await Promise.all(last);
  return new Map(sessionIds.map((sessionId, index) => [sessionId, numbers[index]]));
}

/** The event for a session's new messages. A session that is not the open one is closed: its messages came late. */
export function messagesReceivedEvent(
  conversation: StoredConversation,
  openSession: Session | undefined,
  sessionId: string,
  messages: readonly EvaluatedMessage[],
  sourceSeq: number,
): EventInit {
  const session = openSession?.sessionId === sessionId ? openSession : undefined;
  const count = (role: MessageRole) => messages.filter((message) => message.role === role && !message.notice).length;
  return {
    source: Source.MESSAGE_ANALYSIS,
    sessionId,
    sourceSeq,
    sessionName: session?.sessionName || sessionId,
    accountId: session?.accountId || conversation.accountId,
    shopId: session?.shopId || conversation.shopId,
    payload: {
      case: 'messagesReceived',
      value: {
        count: messages.length,
        shopCount: count(MessageRole.SHOP),
        accountCount: count(MessageRole.ACCOUNT),
        lastSeq: Math.max(...messages.map(({ seq }) => seq)),
        messageIds: messages.slice(0, MAX_IDS_IN_EVENT).map(({ messageId }) => messageId),
        status: session?.status ?? Control.CLOSED,
        state: session?.state ?? SessionState.UNSPECIFIED,
        ownerEpoch: session?.ownerEpoch ?? 0,
        shopName: session?.shopName || conversation.shopName,
        conversationId: conversation.conversationId,
      },
    },
  };
}
