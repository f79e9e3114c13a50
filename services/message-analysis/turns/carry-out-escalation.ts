import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import type { DueEscalation } from '../rules/due-escalation.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';

/**
 * Carries out an escalation that is due, and returns the session: the session service raises the fence, which removes it from the
 * chat. Undefined when control has changed since the rule decided: then it is recorded in the log and dropped; and when the
 * session service does not answer: then it stays due, for the sweep.
 */
export async function carryOutEscalation(
  deps: ChatDeps,
  sessionId: string,
  escalation: string,
): Promise<Session | undefined> {
  const due = JSON.parse(escalation) as DueEscalation;
  try {
    const { session } = await deps.sessions.escalateByRule({
      sessionId,
      ownerEpoch: due.ownerEpoch,
      reason: due.reason,
      severity: due.severity,
      details: due.details,
      context: { ...due.context },
      evidenceMessageIds: [...due.evidenceMessageIds],
    });
    return session;
  } catch (error) {
    if (!hasErrorReason(error, ErrorReason.SUPERSEDED) && !hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND)) {
      const line = { event: 'chat_escalation_delayed', session_id: sessionId, err: error };
      deps.logger[failureLogLevel(error)](line, 'an escalation by a rule could not be carried out yet');
      return undefined;
    }
    deps.logger.info(
      { event: 'chat_escalation_superseded', session_id: sessionId, rule: due.context.rule },
      'control has changed since the rule decided: its escalation is not carried out',
    );
    await ChatUnitOfWork.run(deps, sessionId, 'drop-escalation', (unit) => {
      const { chat } = unit;
      if (chat?.escalation !== escalation) return;
      unit.setChat({ ...chat, escalation: undefined });
      unit.beginTurnIfNeeded();
    });
    return undefined;
  }
}
