import { type Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import {
  type ChatControl,
  type ChatSession,
  isEscalationDue,
  MAX_UNANSWERED,
  mayBotSpeak,
} from '../domain/chat-session.ts';
import { hashContent } from '../domain/content-hash.ts';
import { findChatMessage, lastChatMessages } from '../store/chat-messages.ts';
import type { ChatKey } from '../store/chats.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';
import { decideEscalation } from './decide-escalation.ts';

/** Rules look at so many of the last messages. */
const MAX_RECENT = 20;

/** A message of a chat's user. */
export interface UserMessage {
  readonly messageId: string;
  readonly content: string;
  readonly userId: string;
  /** The bot that answers in a session without one. */
  readonly botId: string;
}

/** What happens to a stored message. */
export type StoredUserMessage = { readonly messageId: string; readonly seq: number } & (
  | /** A turn answers it, or has answered it already. */ { readonly kind: 'answering' }
  /** A rule asks for a human before an answer. */
  | { readonly kind: 'escalating'; readonly escalation: string }
  /** The bot is not in control, or is paused. */
  | { readonly kind: 'refused'; readonly control: Control; readonly paused: boolean }
);

/** The control of a session, as its service gives it. */
export function controlOf(session: Session): ChatControl {
  return {
    sessionId: session.sessionId,
    sessionName: session.sessionName,
    ownerEpoch: session.ownerEpoch,
    control: session.status,
    paused: session.state === SessionState.PAUSED,
    agentId: session.assignedAgent?.agentId ?? '',
    botId: session.botId,
  };
}

/**
 * Stores a user's message, whatever follows, and begins the turn that answers it, in one transaction under the session's fence. A
 * message whose id is known is not stored again. Throws IDEMPOTENCY_KEY_REUSED when it came with another text, and RATE_LIMITED
 * when too many messages wait for an answer.
 */
export function storeUserMessage(deps: ChatDeps, session: Session, message: UserMessage): Promise<StoredUserMessage> {
  const { messageId, content } = message;
  const prefetch = async (tx: Executor<MessageTables>, key: ChatKey) => {
    const [known, recent] = await Promise.all([
      findChatMessage(tx, key, messageId),
      lastChatMessages(tx, key, MAX_RECENT),
    ]);
    return { known, recent };
  };
  return ChatUnitOfWork.run(
    deps,
    session.sessionId,
    'store-message',
    (unit, { known, recent }: Awaited<ReturnType<typeof prefetch>>) => {
      const chat = unit.ensureChat({ ...controlOf(session), botId: session.botId || message.botId });
      if (known) {
        assertSameMessage(known, MessageRole.USER, content);
        return { messageId, seq: known.seq, ...afterStoring(chat, session, known.seq) };
      }
      if (chat.botId === '') unit.setChat({ ...chat, botId: message.botId });
      if (chat.unanswered >= MAX_UNANSWERED && mayBotSpeak(chat))
        throw appError(ErrorReason.RATE_LIMITED, `${MAX_UNANSWERED} messages of the session wait for an answer`, {
          session_id: session.sessionId,
          retry_after: 2,
        });
      const seq = unit.addMessage({ messageId, role: MessageRole.USER, sender: message.userId, content });
      const after = afterStoring(unit.chat!, session, seq);
      if (after.kind === 'answering' && !unit.chat!.escalation) {
        const decided = decideEscalation(deps, unit.chat!, { messageId, content, vip: session.vip, recent });
        if (decided) {
          const { escalation, escalationAfter, reply } = decided;
          if (reply && !escalationAfter) unit.answerAtOnce(reply, seq);
          unit.setChat({ ...unit.chat!, escalation, escalationAfter });
          if (!escalationAfter) return { messageId, seq, kind: 'escalating', escalation };
        }
        unit.beginTurnIfNeeded();
      }
      return { messageId, seq, ...after };
    },
    prefetch,
  );
}

type Outcome =
  | { readonly kind: 'answering' }
  | { readonly kind: 'escalating'; readonly escalation: string }
  | { readonly kind: 'refused'; readonly control: Control; readonly paused: boolean };

/** What a stored message waits for. The newer of the fence and of what the session service says decides. */
function afterStoring(chat: ChatSession, session: Session, seq: number): Outcome {
  if (seq <= chat.answeredSeq) return { kind: 'answering' };
  if (chat.escalation && isEscalationDue(chat)) return { kind: 'escalating', escalation: chat.escalation };
  const current = session.ownerEpoch > chat.ownerEpoch ? controlOf(session) : chat;
  if (mayBotSpeak(current)) return { kind: 'answering' };
  return { kind: 'refused', control: current.control, paused: current.paused };
}

/** Throws when a message id came with another role or text. */
export function assertSameMessage(known: MessageRow, role: MessageRole, content: string): void {
  if (known.role === role && known.content_hash === hashContent(role, content)) return;
  throw appError(ErrorReason.IDEMPOTENCY_KEY_REUSED, 'the message id was used for another message of this session', {
    idempotency_key: known.message_id,
  });
}
