import { SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { applyCommand, type Change } from './apply-command.ts';
import { expiresAt, isOpen, type SessionRecord, timeoutAt } from './session.ts';

/** A human in the shop's own window counts as silent when a message of the shop stays unanswered for this long. */
export const ATTENDANT_TIMEOUT_MS = 10 * 60_000;

/** Messages alone move `last_activity` at most this often. */
export const TOUCH_EVERY_MS = 10_000;

/** Messages of a chat move `last_activity` at most this often. */
export const TOUCH_CHAT_EVERY_MS = 60_000;

/** A due time that never comes. Every open session has a due time: it marks the open ones in the database. */
const NEVER = Date.UTC(9999, 0);

export function shouldTouch(session: SessionRecord, now: number): boolean {
  return now - session.lastActivity >= (session.chat ? TOUCH_CHAT_EVERY_MS : TOUCH_EVERY_MS);
}

/** When the session changes next without a command of a client; undefined if it does not. */
export function nextDueAt(session: SessionRecord, idleAfterMs: number): number | undefined {
  if (!isOpen(session)) return undefined;
  if (session.chat) return Math.min(expiresAt(session) ?? NEVER, session.resumeAt ?? NEVER);
  const idle = session.state === SessionState.ACTIVE ? session.lastActivity + idleAfterMs : undefined;
  const times = [timeoutAt(session), idle, session.resumeAt, session.attendantDueAt];
  return Math.min(...times.filter((time) => time !== undefined));
}

/**
 * The change that is due at `now`, or undefined when none is. Of several the earliest applies, except that a session that has
 * timed out is not marked idle before.
 */
export function dueChange(session: SessionRecord, now: number, idleAfterMs: number): Change | undefined {
  if (!isOpen(session)) return undefined;
  const ctx = { now, actor: 'system' };
  const end = session.chat ? (expiresAt(session) ?? NEVER) : timeoutAt(session);
  const before = (time: number | undefined) => time !== undefined && time <= now && time <= end;
  if (session.state === SessionState.PAUSED && before(session.resumeAt))
    return applyCommand(session, 'resume', { reason: 'resume_at' }, ctx);
  if (session.attendantExternal && before(session.attendantDueAt))
    return applyCommand(session, 'attendant_silent', {}, ctx);
  if (session.chat) return end <= now ? applyCommand(session, 'expire', {}, ctx) : undefined;
  if (end <= now) return applyCommand(session, 'time_out', { limitMinutes: session.maxInactiveMinutes }, ctx);
  if (session.state === SessionState.ACTIVE && before(session.lastActivity + idleAfterMs))
    return applyCommand(session, 'mark_idle', {}, ctx);
  return undefined;
}
