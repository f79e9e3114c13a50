import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { sessionControlName, sessionStateName } from './enum-names.ts';
import { isOpen, type SessionRecord } from './session.ts';
import { isPaused } from './slot.ts';

/*
 * Whether the effect of a command still holds. An agent who gets 200 for a repeated takeover starts to write, so a repeat must
 * not get 200 once the bot is in control again.
 */

export function isControlledBy(session: SessionRecord, agentId: string): boolean {
  return session.control === Control.MANUAL_LIVE && !session.attendantExternal && session.agent?.id === agentId;
}

/** True while paused too. */
export function isReleased({ control }: SessionRecord): boolean {
  return control === Control.BOT_ACTIVE;
}

export function isResumed(session: SessionRecord): boolean {
  return isReleased(session) && !isPaused(session);
}

/** True for an archived session too. */
export function isClosed(session: SessionRecord): boolean {
  return !isOpen(session);
}

/** SUPERSEDED, with the current state and status. */
export function superseded(session: SessionRecord) {
  const [state, status] = [sessionStateName(session.state), sessionControlName(session.control)];
  const text = `the command was carried out and later undone: the session is ${state}, control ${status}`;
  return appError(ErrorReason.SUPERSEDED, text, { session_id: session.sessionId, state, status });
}
