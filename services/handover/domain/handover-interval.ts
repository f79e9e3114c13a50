import { Control, type HandoverReason, type Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { HandoverState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { ControlChange } from './control-change.ts';

/** The fields of a handover record, derived only from the changes of its interval. */
export interface HandoverFields {
  /** The owner_epoch of its first change. */
  readonly ownerEpoch: number;
  readonly state: HandoverState;
  readonly reason: HandoverReason;
  readonly severity: Severity;
  readonly details: string;
  readonly agent?: ControlChange['agent'];
  readonly external: boolean;
  /** Epoch milliseconds, as all times here. */
  readonly createdAt: number;
  readonly takenAt?: number;
  readonly endedAt?: number;
  readonly endReason: string;
}

/** Whether the session is open and the bot is not in control. */
export function isManual(control: Control): boolean {
  return control === Control.PENDING_MANUAL || control === Control.MANUAL_LIVE;
}

/**
 * The changes of the interval without bot control that `change` belongs to, in order, with the one that ends it; empty when
 * the bot was in control before and after. `changes` are the session's known changes in any order. An interval whose start is
 * not known yet starts with the first known change to a human: the handovers do not depend on the order of the events.
 */
export function handoverIntervalOf(changes: readonly ControlChange[], change: ControlChange): ControlChange[] {
  const ordered = changes.toSorted((a, b) => a.epoch - b.epoch || a.at - b.at);
  let interval: ControlChange[] = [];
  for (const next of ordered) {
    const last = interval.at(-1);
    if (last && isManual(last.after) && isManual(next.before)) {
      interval.push(next);
      continue;
    }
    if (containsChange(interval, change)) return interval;
    interval = isManual(next.after) ? [next] : [];
  }
  return containsChange(interval, change) ? interval : [];
}

function containsChange(interval: readonly ControlChange[], { epoch, action }: ControlChange): boolean {
  return interval.some((change) => change.epoch === epoch && change.action === action);
}

/** The handover of an interval; undefined for an empty one. */
export function handoverFromInterval(interval: readonly ControlChange[]): HandoverFields | undefined {
  const [first, ...rest] = interval;
  if (!first) return undefined;
  const { epoch, cause, severity, details, at } = first;
  const opened = { ownerEpoch: epoch, reason: cause, severity, details, createdAt: at, endReason: '' };
  return rest.reduce(applyChange, applyChange({ ...opened, state: HandoverState.WAITING, external: false }, first));
}

function applyChange(handover: HandoverFields, change: ControlChange): HandoverFields {
  const { agent, external, at } = change;
  if (change.after === Control.PENDING_MANUAL)
    return { ...handover, state: HandoverState.WAITING, agent: undefined, external: false };
  if (change.after === Control.MANUAL_LIVE)
    return { ...handover, state: HandoverState.LIVE, agent, external, takenAt: handover.takenAt ?? at };
  const state = change.after === Control.CLOSED ? HandoverState.CLOSED : HandoverState.RETURNED;
  return { ...handover, state, endedAt: at, endReason: change.reason || change.action };
}
