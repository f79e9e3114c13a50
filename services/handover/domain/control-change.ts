import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import type { SessionChanged, SessionCreated } from '../../../gen/autosession/event/v1/event_pb.js';
import type { AgentRef, Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { enumToText } from './enum-names.ts';

/** A change of control, or a pause, a resume or a close: recorded in the audit, and the source of handovers. */
export interface ControlChange {
  /** The session's command; `open` for its opening. */
  readonly action: string;
  readonly actor: string;
  readonly reason: string;
  /** State and control, `active/bot_active`; empty before the opening. */
  readonly stateBefore: string;
  readonly stateAfter: string;
  readonly before: Control;
  readonly after: Control;
  /** The session's owner_epoch after it. */
  readonly epoch: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The human who is in control afterwards, if known. */
  readonly agent?: { readonly agentId: string; readonly agentName: string };
  /** Whether a human is in control in the shop's own chat window afterwards. */
  readonly external: boolean;
  /** Why the session last left the bot. */
  readonly cause: HandoverReason;
  readonly severity: Severity;
  readonly details: string;
}

/** The opening of a session as a change of control from nothing. */
export function controlChangeOfOpening(event: SessionCreated, session: Session, at: number): ControlChange {
  const fields = { action: 'open', actor: event.actor, reason: '', stateBefore: '', before: Control.UNSPECIFIED };
  return { ...fields, ...stateAfterChange(session, at), ...causeOf('open', Control.UNSPECIFIED, session) };
}

/** A session's change for the audit; undefined when it changed neither control nor a pause. */
export function controlChangeOf(event: SessionChanged, session: Session, at: number): ControlChange | undefined {
  const before = event.previousStatus;
  const isControlChange = event.epochRaised || before !== session.status || ['pause', 'resume'].includes(event.command);
  if (!isControlChange) return undefined;
  return {
    action: event.command,
    actor: event.actor,
    reason: event.reason,
    stateBefore: stateAndControl(event.previousState, before),
    before,
    ...stateAfterChange(session, at),
    ...causeOf(event.command, before, session),
  };
}

/** `transferred/pending_manual`. */
export function stateAndControl(state: SessionState, control: Control): string {
  return `${enumToText(SessionState, state)}/${enumToText(Control, control)}`;
}

function stateAfterChange(session: Session, at: number) {
  return {
    stateAfter: stateAndControl(session.state, session.status),
    after: session.status,
    epoch: session.ownerEpoch,
    at,
    agent: session.assignedAgent && agentIdentity(session.assignedAgent),
    external: session.attendantExternal,
  };
}

function agentIdentity({ agentId, agentName }: AgentRef) {
  return { agentId, agentName };
}

/** When an agent takes over directly from the bot, an older escalation is not the cause. */
function causeOf(action: string, before: Control, session: Session) {
  const { escalation } = session;
  if (escalation && !(action === 'take_over' && before === Control.BOT_ACTIVE))
    return { cause: escalation.reason, severity: escalation.severity, details: escalation.details };
  const cause = session.attendantExternal ? HandoverReason.HUMAN_INTERVENTION : HandoverReason.MANUAL;
  return { cause, severity: Severity.UNSPECIFIED, details: '' };
}
