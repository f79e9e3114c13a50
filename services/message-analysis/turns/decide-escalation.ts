import { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { ChatSession } from '../domain/chat-session.ts';
import { findAnswer } from '../store/chat-messages.ts';
import type { ChatKey } from '../store/chats.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';

/** An escalation that a rule has decided, as it is stored until it is carried out. */
export interface DueEscalation {
  /** The epoch of the message: in a later one the escalation is not carried out. */
  readonly ownerEpoch: number;
  readonly reason: HandoverReason;
  readonly severity: Severity;
  readonly details: string;
  /** What is shown to the agent: rule, version of the rule set, span, confidence. */
  readonly context: Readonly<Record<string, string | number>>;
  readonly evidenceMessageIds: readonly string[];
}

/** A user message, with what rules look at. */
export interface JudgedMessage {
  readonly messageId: string;
  readonly content: string;
  readonly vip: boolean;
  /** The last messages before it, oldest first. */
  readonly recent: readonly MessageRow[];
}

/** The escalation that a user message causes before an answer, as JSON, and what the bot says first; undefined for none. */
export function escalationBefore(
  _deps: ChatDeps,
  _chat: ChatSession,
  _message: JudgedMessage,
): { readonly escalation: string; readonly reply: string } | undefined {
  return undefined;
}

/** The escalation that is due after an answer, as JSON; undefined for none. */
export function dueEscalationAfter(_deps: ChatDeps, chat: ChatSession): string | undefined {
  if (chat.failures < 3) return undefined;
  const due: DueEscalation = {
    ownerEpoch: chat.ownerEpoch,
    reason: HandoverReason.FAIL_LOOP,
    severity: Severity.MEDIUM,
    details: `the bot failed ${chat.failures} times in a row`,
    context: { failures: chat.failures },
    evidenceMessageIds: [],
  };
  return JSON.stringify(due);
}

/** The sentence that a rule has said instead of an answer; empty when it says none. */
export async function escalationReply(
  deps: ChatDeps,
  key: ChatKey,
  { messageId, seq }: { readonly messageId: string; readonly seq: number },
): Promise<{ readonly messageId: string; readonly content: string }> {
  const answer = await findAnswer(deps.db.autocommit<MessageTables>(), key, seq);
  return answer?.role === MessageRole.ASSISTANT
    ? { messageId: answer.message_id, content: answer.content }
    : { messageId, content: '' };
}
