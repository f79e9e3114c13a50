import type { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { ChatSession } from '../domain/chat-session.ts';
import { decide } from '../domain/rules/decide.ts';
import { evaluateRules, type RuleHit, type RuleInput } from '../domain/rules/evaluate-rules.ts';
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
  const decided = hitOf(deps, chat, { text: content, unanswered, isVip: vip });
  if (!decided) return undefined;
  const { hit, escalation } = decided;
  return {
    escalation: JSON.stringify({ ...escalation, evidenceMessageIds: [messageId] }),
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
): { hit: RuleHit; escalation: DueEscalation } | undefined {
  const { version, ruleSet } = deps.ruleSets.currentOf(chat.tenant, 'chat');
  const hit = decide(evaluateRules(ruleSet, { ...input, failures: chat.failures, isUrgent: false }));
  if (!hit) return undefined;
  const { ruleId: rule, detector, confidence, matched, start, end, reason, severity } = hit;
  const about = { rule, rule_set_version: version, detector, confidence };
  const context: DueEscalation['context'] = matched === '' ? about : { ...about, matched, start, end };
  const details = matched === '' ? `rule ${rule}` : `rule ${rule}: ${matched}`;
  return {
    hit,
    escalation: { ownerEpoch: chat.ownerEpoch, reason, severity, details, context, evidenceMessageIds: [] },
  };
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
