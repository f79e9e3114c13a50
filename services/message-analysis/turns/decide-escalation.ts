import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { ChatSession } from '../domain/chat-session.ts';
import { decide } from '../domain/rules/decide.ts';
import { evaluateRules, type RuleHit, type RuleInput } from '../domain/rules/evaluate-rules.ts';
import { type DueEscalation, escalationOf } from '../rules/due-escalation.ts';
import { findAnswer } from '../store/chat-messages.ts';
import type { ChatKey } from '../store/chats.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';

/** A user message, with what rules look at. */
export interface JudgedMessage {
  readonly messageId: string;
  readonly content: string;
  readonly vip: boolean;
  /** The last messages before it, oldest first. */
  readonly recent: readonly MessageRow[];
}

/** What the rules have decided about a user message. */
export interface DecidedEscalation {
  /** JSON of a DueEscalation. */
  readonly escalation: string;
  /** Whether the bot answers first. */
  readonly escalationAfter: boolean;
  /** What the bot says before it hands over; empty for nothing. */
  readonly reply: string;
}

/** What the tenant's rules decide about a user message; undefined when none fires. */
export function decideEscalation(
  deps: ChatDeps,
  chat: ChatSession,
  { messageId, content, vip, recent }: JudgedMessage,
): DecidedEscalation | undefined {
  const unanswered = recent
    .filter((row) => row.role === MessageRole.USER && row.seq > chat.answeredSeq)
    .map((row) => row.content);
  const decided = hitOf(deps, chat, { text: content, unanswered, isVip: vip }, messageId);
  if (!decided) return undefined;
  const { hit, escalation } = decided;
  return {
    escalation: JSON.stringify(escalation),
    escalationAfter: hit.when === 'after_answer',
    reply: hit.reply,
  };
}

/** The escalation that is due because a turn has failed, as JSON; undefined when the rules still wait, or it has not failed. */
export function escalationAfterFailure(deps: ChatDeps, chat: ChatSession): string | undefined {
  if (chat.failures === 0) return undefined;
  const decided = hitOf(deps, chat, { text: '', unanswered: [], isVip: false });
  return decided && JSON.stringify(decided.escalation);
}

function hitOf(
  deps: ChatDeps,
  chat: ChatSession,
  input: Pick<RuleInput, 'text' | 'unanswered' | 'isVip'>,
  evidence?: string,
): { hit: RuleHit; escalation: DueEscalation } | undefined {
  const { version, ruleSet } = deps.ruleSets.currentOf(chat.tenant, 'chat');
  const hit = decide(evaluateRules(ruleSet, { ...input, failures: chat.failures, isUrgent: false }));
  if (!hit) return undefined;
  return { hit, escalation: escalationOf(hit, { version, ownerEpoch: chat.ownerEpoch, evidence }) };
}

/** The sentence that a rule has said instead of an answer; empty when it says none. */
export async function escalationReply(
  deps: ChatDeps,
  key: ChatKey,
  { messageId, seq }: { readonly messageId: string; readonly seq: number },
): Promise<{ readonly messageId: string; readonly content: string }> {
  const answer = await findAnswer(deps.db.autocommit<MessageTables>(), key, seq);
  return answer ? { messageId: answer.message_id, content: answer.content } : { messageId, content: '' };
}
