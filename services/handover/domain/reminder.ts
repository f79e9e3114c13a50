import { Control, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import type { MessagesReceived } from '../../../gen/autosession/event/v1/event_pb.js';
import { ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { ControlChange } from './control-change.ts';
import { isManual } from './handover-interval.ts';

/** A reminder to create. It is identified by (session, kind, epoch, minute). */
export interface ReminderFields {
  readonly kind: ReminderKind;
  readonly epoch: number;
  /** Minutes since the Unix epoch for new_messages; 0 for the other kinds. */
  readonly minute: number;
  readonly count: number;
  readonly severity: Severity;
  /** When its cause occurred, in epoch milliseconds. */
  readonly at: number;
  /** Not to be delivered before, in epoch milliseconds. */
  readonly dueAt: number;
}

/** The reminder for a change of control; undefined when it needs none. */
export function reminderForChange(change: ControlChange, unattendedMessage: boolean): ReminderFields | undefined {
  const kind = reminderKindFor(change, unattendedMessage);
  if (kind === undefined) return undefined;
  const severity = change.severity || defaultSeverityByKind[kind];
  return { kind, epoch: change.epoch, minute: 0, count: 1, severity, at: change.at, dueAt: change.at };
}

function reminderKindFor(change: ControlChange, unattendedMessage: boolean): ReminderKind | undefined {
  const { before, after } = change;
  if (after === Control.PENDING_MANUAL && before !== after)
    return unattendedMessage ? ReminderKind.UNATTENDED_MESSAGE : ReminderKind.HANDOVER_WAITING;
  if (after === Control.MANUAL_LIVE && change.external) return ReminderKind.HUMAN_INTERVENTION;
  if (change.action === 'time_out' && before === Control.PENDING_MANUAL) return ReminderKind.NO_ANSWER;
  return undefined;
}

/** The reminder of a task that has been unknown for too long. */
export function reminderForTask(epoch: number, at: number): ReminderFields {
  const kind = ReminderKind.TASK_UNKNOWN;
  return { kind, epoch, minute: 0, count: 1, severity: defaultSeverityByKind[kind], at, dueAt: at };
}

/** The reminder of new shop messages that are shown in `minute`. */
export function reminderForMessages(epoch: number, minute: number, count: number, at: number): ReminderFields {
  const kind = ReminderKind.NEW_MESSAGES;
  return {
    kind,
    epoch,
    minute,
    count,
    severity: defaultSeverityByKind[kind],
    at,
    dueAt: Math.max(at, minute * MINUTE_MS),
  };
}

/** Whether a human has to see a batch: the shop has written while the bot may not answer. */
export function needsHuman({ shopCount, status, state }: MessagesReceived): boolean {
  return shopCount > 0 && (isManual(status) || state === SessionState.PAUSED);
}

const MINUTE_MS = 60_000;

/** A stored reminder of new messages. `out`: it may have been delivered, so its count must not change. */
export interface MessageReminder {
  readonly reminderId: string;
  readonly minute: number;
  readonly out: boolean;
}

/**
 * The reminder that counts messages of time `at`: that of their minute while it is not out (`grow`), else that of the first
 * later minute that is free or not out. So there is at most one reminder a minute, and every message is counted.
 * `later` are the reminders of that minute and later ones, in any order.
 */
export function chooseReminderMinute(at: number, later: readonly MessageReminder[]): { minute: number; grow?: string } {
  const byMinute = new Map(later.map((reminder) => [reminder.minute, reminder]));
  for (let minute = Math.floor(at / MINUTE_MS); ; minute++) {
    const reminder = byMinute.get(minute);
    if (!reminder) return { minute };
    if (!reminder.out) return { minute, grow: reminder.reminderId };
  }
}

/** The minute that a time belongs to. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}

const defaultSeverityByKind: Record<ReminderKind, Severity> = {
  [ReminderKind.UNSPECIFIED]: Severity.LOW,
  [ReminderKind.HANDOVER_WAITING]: Severity.MEDIUM,
  [ReminderKind.HUMAN_INTERVENTION]: Severity.LOW,
  [ReminderKind.NEW_MESSAGES]: Severity.LOW,
  [ReminderKind.NO_ANSWER]: Severity.HIGH,
  [ReminderKind.TASK_UNKNOWN]: Severity.MEDIUM,
  [ReminderKind.UNATTENDED_MESSAGE]: Severity.MEDIUM,
};
