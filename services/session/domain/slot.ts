import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import type { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { isHandedOver, isManualType, isOpen, type SessionRecord, timeoutAt, UNKNOWN_ACCOUNT } from './session.ts';

/** A completed session answers a repeat of the request that opened it this long. */
export const REPLAY_WINDOW_MS = 24 * 3_600_000;

/** A request to open a session, as far as the slot rules see it. */
export interface SlotRequest {
  readonly hash: string;
  readonly taskType: TaskType;
  /** The limit that the request names; undefined when it leaves it to the sessions. */
  readonly maxInactiveMinutes?: number;
}

/** What a request that finds `candidates` does. */
export type SlotDecision =
  | { readonly kind: 'open' }
  /** The request was served before by this session. */
  | { readonly kind: 'repeat'; readonly session: SessionRecord }
  /** The holder has run out: it becomes timeout and the new one opens. */
  | { readonly kind: 'replace'; readonly holder: SessionRecord; readonly limitMinutes: number }
  /** The bot's session is taken over by the manual request. */
  | { readonly kind: 'escalate'; readonly holder: SessionRecord }
  | { readonly kind: 'refuse'; readonly holder: SessionRecord };

/**
 * The slot rules. `candidates`: the open session of the slot, the shop's open session of an unknown account, and whatever
 * was opened or taken by the same request body.
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

/** The same body again counts as a repeat while its session lives, and for 24 h after it was completed. */
function isRepeat(session: SessionRecord, hash: string, now: number): boolean {
  if (session.createHash !== hash && session.takenHash !== hash) return false;
  if (isOpen(session)) return timeoutAt(session) > now;
  return session.finishedAt !== undefined && session.finishedAt > now - REPLAY_WINDOW_MS;
}

/** Whether the bot may be given work in it. */
export function isBotInControl(session: SessionRecord): boolean {
  return session.control === Control.BOT_ACTIVE;
}

/** Whether the bot's tasks are held. */
export function isPaused(session: SessionRecord): boolean {
  return session.state === SessionState.PAUSED;
}
