import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import type { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { isHandedOver, isManualType, isOpen, type SessionRecord, timeoutAt, UNKNOWN_ACCOUNT } from './session.ts';

/** For this long after its completion a session answers repeats of its create request. */
export const REPLAY_WINDOW_MS = 24 * 3_600_000;

/** The fields of a create request that the slot rules use. */
export interface SlotRequest {
  readonly hash: string;
  readonly taskType: TaskType;
  /** The limit of the request; undefined for the limit of the holder. */
  readonly maxInactiveMinutes?: number;
}

/** The decision on a create request. */
export type SlotDecision =
  | { readonly kind: 'open' }
  /** This session answered the same request before. */
  | { readonly kind: 'repeat'; readonly session: SessionRecord }
  /** The holder has timed out: it is closed, and a new session opens. */
  | { readonly kind: 'replace'; readonly holder: SessionRecord; readonly limitMinutes: number }
  /** The manual request escalates the session of the bot. */
  | { readonly kind: 'escalate'; readonly holder: SessionRecord }
  | { readonly kind: 'refuse'; readonly holder: SessionRecord };

/**
 * The slot rules. `candidates`: the open session of the slot, the shop's open session of an unknown account, and the sessions
 * that the same request body opened or escalated.
 */
export function decideSlot(candidates: readonly SessionRecord[], request: SlotRequest, now: number): SlotDecision {
  const repeated = candidates.find((session) => isRepeat(session, request.hash, now));
  if (repeated) return { kind: 'repeat', session: repeated };
  const open = candidates.filter(isOpen);
  const holder = open.find((session) => session.accountKey !== UNKNOWN_ACCOUNT) ?? open[0];
  if (!holder) return { kind: 'open' };
  if (isHandedOver(holder)) return { kind: 'refuse', holder };
  const manual = isManualType(request.taskType);
  const explicit = manual ? undefined : request.maxInactiveMinutes;
  const limitMinutes = explicit ?? holder.maxInactiveMinutes;
  if (timeoutAt(holder, limitMinutes) <= now) return { kind: 'replace', holder, limitMinutes };
  return manual ? { kind: 'escalate', holder } : { kind: 'refuse', holder };
}

/** The same body is a repeat while its session is open, and for 24 h after its completion. */
function isRepeat(session: SessionRecord, hash: string, now: number): boolean {
  if (session.createHash !== hash && session.takenHash !== hash) return false;
  if (isOpen(session)) return timeoutAt(session) > now;
  return session.finishedAt !== undefined && session.finishedAt > now - REPLAY_WINDOW_MS;
}

export function isBotInControl(session: SessionRecord): boolean {
  return session.control === Control.BOT_ACTIVE;
}

export function isPaused(session: SessionRecord): boolean {
  return session.state === SessionState.PAUSED;
}
