import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { callService } from '../call-service.ts';
import type { MessageDeps } from '../deps.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import { decide } from '../domain/rules/decide.ts';
import { evaluateRules, type RuleHit } from '../domain/rules/evaluate-rules.ts';
import type { RuleSet } from '../domain/rules/rule-set.ts';
import { type DueEscalation, escalationOf } from '../rules/due-escalation.ts';
import { lastMessages } from '../store/session-messages.ts';
import type { MessageTables } from '../store/tables.ts';
import type { EvaluatedMessage } from '../store/verdicts.ts';

/** As many messages before the batch as a repetition may count. */
const MAX_EARLIER_MESSAGES = 20;

/**
 * Judges the new messages of a shop by the tenant's rules for shop sessions and, when one fires, has the session escalated.
 * Returns the session after it; undefined when no rule fires, when control has changed since, and without rules: then nothing is
 * called. Idempotent: a session that was escalated is not judged again, and an escalation of an earlier epoch is refused by the
 * session service. Throws SERVICE_UNAVAILABLE; the messages then stay pending, and are judged again with them.
 */
export async function escalateByShopRules(
  deps: MessageDeps,
  session: Session | undefined,
  pending: readonly PendingMessage[],
  evaluated: readonly EvaluatedMessage[],
): Promise<Session | undefined> {
  const { version, ruleSet } = deps.ruleSets.current('shop');
  if (ruleSet.rules.length === 0 || session?.status !== Control.BOT_ACTIVE) return undefined;
  const batch = pending.map((message, index) => ({ ...message, ...evaluated[index] })).filter(isOfSession(session));
  const decided = decideBatch(ruleSet, session, await withUnanswered(deps, ruleSet, session, batch));
  if (!decided) return undefined;
  const { hit, message } = decided;
  const { ownerEpoch, sessionId } = session;
  const escalation = escalationOf(hit, { version, ownerEpoch, evidence: message.messageId });
  if (message.receivedAt < lastReturnToBot(session)) {
    logSuperseded(deps, sessionId, escalation);
    return undefined;
  }
  try {
    const request = { sessionId, ...escalation, context: { ...escalation.context } };
    const evidenceMessageIds = [...escalation.evidenceMessageIds];
    const call = deps.sessions.escalateByRule({ ...request, evidenceMessageIds });
    return (await callService(call, ErrorReason.SUPERSEDED, ErrorReason.SESSION_NOT_FOUND)).session;
  } catch (error) {
    if (!hasErrorReason(error, ErrorReason.SUPERSEDED) && !hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND))
      throw error;
    logSuperseded(deps, sessionId, escalation);
    return undefined;
  }
}

type BatchMessage = PendingMessage & Pick<EvaluatedMessage, 'notice' | 'verdict' | 'sessionId'>;

interface JudgedMessage {
  readonly message: BatchMessage;
  /** The shop's messages since the account's last one. */
  readonly unanswered: readonly string[];
}

const isOfSession =
  ({ sessionId }: Session) =>
  (message: Partial<EvaluatedMessage>): message is BatchMessage =>
    message.sessionId === sessionId && message.verdict === Verdict.STORED && !message.notice;

/** The shop's messages of the batch, each with those before it that the account has not answered. */
async function withUnanswered(
  { db }: MessageDeps,
  { rules }: RuleSet,
  { sessionId }: Session,
  batch: readonly BatchMessage[],
): Promise<JudgedMessage[]> {
  const counts = batch.length > 0 && rules.some(({ detector }) => detector === 'repetition');
  const earlier = counts
    ? await lastMessages(db.autocommit<MessageTables>(), currentTenant(), sessionId, MAX_EARLIER_MESSAGES)
    : [];
  let unanswered: string[] = [];
  for (const { message } of earlier)
    unanswered = message.role === MessageRole.SHOP ? [...unanswered, message.content] : [];
  return batch.flatMap((message) => {
    if (message.role !== MessageRole.SHOP) {
      unanswered = [];
      return [];
    }
    const judged = { message, unanswered };
    unanswered = [...unanswered, message.content];
    return [judged];
  });
}

/** The hit that acts, of all messages of the batch, with its message. */
function decideBatch(ruleSet: RuleSet, session: Session, messages: readonly JudgedMessage[]) {
  const messageOf = new Map<RuleHit, BatchMessage>();
  for (const { message, unanswered } of messages) {
    const input = { text: message.content, unanswered, failures: 0, isUrgent: false, isVip: session.vip };
    for (const hit of evaluateRules(ruleSet, input)) messageOf.set(hit, message);
  }
  const hit = decide([...messageOf.keys()]);
  const message = hit && messageOf.get(hit);
  return message && { hit, message };
}

/** When a human gave control back last; a message that was received before was for the human. */
function lastReturnToBot({ lastManualEndAt }: Session): number {
  return lastManualEndAt ? timestampMs(lastManualEndAt) : 0;
}

function logSuperseded({ logger }: MessageDeps, sessionId: string, { context }: DueEscalation): void {
  logger.info(
    { event: 'shop_escalation_superseded', session_id: sessionId, rule: context.rule },
    'control has changed since the message was received: the escalation by a rule is not carried out',
  );
}
