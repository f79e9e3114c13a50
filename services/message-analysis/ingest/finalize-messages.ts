import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { afterCommit } from '../../lib/db/transaction-context.ts';
import type { EventInit } from '../../lib/messaging/outbox/outbox.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import type { MessageDeps } from '../deps.ts';
import { messageControlName, verdictName } from '../domain/enum-names.ts';
import { type StoredConversation, toKnownSession } from '../store/conversation.ts';
import type { MessageTables } from '../store/tables.ts';
import { clearAdoption, type EvaluatedMessage, type SessionObservation, saveVerdicts } from '../store/verdicts.ts';
import type { Evaluation } from './evaluate-messages.ts';

const MAX_IDS_IN_EVENT = 100;

/**
 * Writes an evaluation: each message that no other process has finalized gets its verdict, and each session with new messages
 * one event for them. Without `hasEarlierEvents` these are taken to be their sessions' first events, without a look. Fails on
 * a unique index when they are not, or when another batch emits a session's first event at the same time, and with
 * ConversationMergedError when the conversation was merged into another one: roll back and try again.
 */
export async function finalizeMessages(
  deps: MessageDeps,
  tx: Executor<MessageTables>,
  tenant: string,
  conversation: StoredConversation,
  { messages, session, claimedSessionId }: Evaluation,
  hasEarlierEvents = true,
): Promise<void> {
  const key = { tenant, conversationId: conversation.conversationId };
  const observation: SessionObservation = {
    session: session && toKnownSession(session),
    previous: conversation.session,
  };
  // the sessions' counters with the conversation's lock, in one request; never the other way round
  const [finalized, lastSeqs] = await Promise.all([
    saveVerdicts(tx, key, messages, observation),
    hasEarlierEvents ? lockSequences(deps, tx, tenant, messages) : new Map<string, undefined>(),
  ]);
  if (claimedSessionId) await clearAdoption(tx, key, claimedSessionId);
  const storedMessages = finalized.filter(belongsInEvent);
  const events: EventInit[] = [];
  for (const [sessionId, group] of Map.groupBy(storedMessages, (message) => message.sessionId)) {
    const counter = { tenant, source: Source.MESSAGE_ANALYSIS, sessionId };
    const sourceSeq = await deps.outbox.advanceSequence(tx, counter, lastSeqs.get(sessionId));
    events.push(messagesReceivedEvent(conversation, session, sessionId, group, sourceSeq));
  }
  await deps.outbox.emit(tx, tenant, events);
  afterCommit(() => recordFinalized(deps, finalized, session));
}

/** Whether the event of its session contains the message. */
function belongsInEvent({ verdict, sessionId }: EvaluatedMessage): boolean {
  return verdict === Verdict.STORED && sessionId !== '';
}

/** The last event numbers of the sessions that get an event, locked; always in the same order. */
async function lockSequences(
  { outbox }: MessageDeps,
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
function messagesReceivedEvent(
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

function recordFinalized(
  deps: MessageDeps,
  finalized: readonly EvaluatedMessage[],
  session: Session | undefined,
): void {
  for (const { verdict } of finalized) deps.metrics.messages.inc({ verdict: verdictName(verdict) });
  if (finalized.length === 0 || !session) return;
  logStateChange(deps.logger, {
    event: 'messages_finalized',
    session_id: session.sessionId,
    session_name: session.sessionName,
    status: messageControlName(session.status),
    reason: `${finalized.length} new`,
  });
}
