import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { SessionRecord } from './session.ts';
import { controlWord, stateWord } from './words.ts';

/** A place in the table: both axes, and whether the human types in the shop's own window. */
export interface Cell {
  readonly state: SessionState;
  readonly control: Control;
  readonly external: boolean;
}

const cell = (state: SessionState, control: Control, external = false): Cell => ({ state, control, external });

/** Every place that a session can be in. */
export const cells = {
  pending: cell(SessionState.PENDING, Control.BOT_ACTIVE),
  active: cell(SessionState.ACTIVE, Control.BOT_ACTIVE),
  idle: cell(SessionState.IDLE, Control.BOT_ACTIVE),
  paused: cell(SessionState.PAUSED, Control.BOT_ACTIVE),
  waiting: cell(SessionState.TRANSFERRED, Control.PENDING_MANUAL),
  attended: cell(SessionState.TRANSFERRED, Control.MANUAL_LIVE),
  attended_externally: cell(SessionState.TRANSFERRED, Control.MANUAL_LIVE, true),
  completed: cell(SessionState.COMPLETED, Control.CLOSED),
  timeout: cell(SessionState.TIMEOUT, Control.CLOSED),
  cancelled: cell(SessionState.CANCELLED, Control.CLOSED),
  expired: cell(SessionState.EXPIRED, Control.CLOSED),
  archived: cell(SessionState.ARCHIVED, Control.CLOSED),
} as const satisfies Record<string, Cell>;

export type CellName = keyof typeof cells;

/** Commands that open a session. */
export type Opening = 'open_bot' | 'open_human' | 'open_attended';

/** Commands on a session that exists. */
export type Command =
  | 'activate'
  | 'touch'
  | 'mark_idle'
  | 'pause'
  | 'resume'
  | 'escalate'
  | 'take_over'
  | 'attend_externally'
  | 'attendant_silent'
  | 'release'
  | 'identify'
  | 'pass_fence'
  | 'complete'
  | 'cancel'
  | 'time_out'
  | 'expire'
  | 'archive';

/** One row of the table. */
export interface Transition {
  readonly command: Command | Opening;
  /** Empty for an opening. */
  readonly from: readonly CellName[];
  readonly to: CellName | 'same';
  /** Whether owner_epoch rises. */
  readonly raisesEpoch: boolean;
  /** Whether the bot's unsent tasks are withdrawn: tasks_from_epoch rises to the new epoch. */
  readonly withdrawsTasks: boolean;
  /** Whether callers can ask for it, or only the system does it. */
  readonly by: 'caller' | 'system';
}

const bot = ['pending', 'active', 'idle', 'paused'] as const;
const human = ['waiting', 'attended', 'attended_externally'] as const;
const open = [...bot, ...human] as const;
const closed = ['completed', 'timeout', 'cancelled', 'expired'] as const;

const quiet = { raisesEpoch: false, withdrawsTasks: false } as const;
const keepingTasks = { raisesEpoch: true, withdrawsTasks: false } as const;
const withdrawing = { raisesEpoch: true, withdrawsTasks: true } as const;

/** The only place that decides which state and control a session can go to. */
export const transitions: readonly Transition[] = [
  { command: 'open_bot', from: [], to: 'pending', ...quiet, by: 'caller' },
  { command: 'open_human', from: [], to: 'waiting', ...quiet, by: 'caller' },
  { command: 'open_attended', from: [], to: 'attended_externally', ...quiet, by: 'system' },
  { command: 'activate', from: ['pending', 'idle'], to: 'active', ...quiet, by: 'system' },
  { command: 'touch', from: open, to: 'same', ...quiet, by: 'system' },
  { command: 'mark_idle', from: ['active'], to: 'idle', ...quiet, by: 'system' },
  { command: 'pause', from: ['pending', 'active', 'idle'], to: 'paused', ...keepingTasks, by: 'caller' },
  { command: 'pause', from: ['paused'], to: 'same', ...quiet, by: 'caller' },
  { command: 'resume', from: ['paused'], to: 'active', ...keepingTasks, by: 'caller' },
  { command: 'escalate', from: bot, to: 'waiting', ...withdrawing, by: 'caller' },
  {
    command: 'take_over',
    from: [...bot, 'waiting', 'attended_externally'],
    to: 'attended',
    ...withdrawing,
    by: 'caller',
  },
  { command: 'attend_externally', from: [...bot, 'waiting'], to: 'attended_externally', ...withdrawing, by: 'system' },
  { command: 'attendant_silent', from: ['attended_externally'], to: 'waiting', ...withdrawing, by: 'system' },
  { command: 'release', from: human, to: 'active', ...withdrawing, by: 'caller' },
  { command: 'identify', from: open, to: 'same', ...quiet, by: 'system' },
  {
    command: 'pass_fence',
    from: [...open, ...closed, 'archived'],
    to: 'same',
    ...keepingTasks,
    by: 'system',
  },
  { command: 'complete', from: open, to: 'completed', ...withdrawing, by: 'caller' },
  { command: 'cancel', from: open, to: 'cancelled', ...withdrawing, by: 'caller' },
  { command: 'time_out', from: open, to: 'timeout', ...withdrawing, by: 'system' },
  { command: 'expire', from: open, to: 'expired', ...withdrawing, by: 'system' },
  { command: 'archive', from: closed, to: 'archived', ...quiet, by: 'caller' },
];

/** A row of the state table as people read it. */
export interface TransitionLine {
  readonly command: string;
  readonly from: readonly string[];
  readonly to: string;
  readonly control: string;
  readonly raisesEpoch: boolean;
  readonly withdrawsTasks: boolean;
  readonly by: 'caller' | 'system';
}

/** The table for documents: cells as `state/control`, with `(external)` for a human in the shop's own window. */
export function transitionLines(): TransitionLine[] {
  return transitions.map(({ command, from, to, raisesEpoch, withdrawsTasks, by }) => ({
    command,
    from: from.map((name) => describeCell(cells[name])),
    to: to === 'same' ? 'unchanged' : describeCell(cells[to]),
    control: to === 'same' ? 'unchanged' : controlWord(cells[to].control),
    raisesEpoch,
    withdrawsTasks,
    by,
  }));
}

function describeCell({ state, control, external }: Cell): string {
  return `${stateWord(state)}/${controlWord(control)}${external ? ' (external)' : ''}`;
}

/** The cell that a session is in. Throws on a combination that the table does not know: a defect. */
export function cellOf(session: SessionRecord): CellName {
  for (const [name, { state, control, external }] of Object.entries(cells)) {
    if (session.state === state && session.control === control && session.attendantExternal === external)
      return name as CellName;
  }
  throw new Error(
    `session ${session.sessionId} is in no cell: ${stateWord(session.state)}/${controlWord(session.control)}`,
  );
}

/** The row for a command in a cell, or undefined when the cell does not accept it. */
export function findTransition(command: Command, from: CellName): Transition | undefined {
  return transitions.find((row) => row.command === command && row.from.includes(from));
}

/** The cell in which an opening leaves a session. */
export function openingCell(command: Opening): Cell {
  const row = transitions.find((candidate) => candidate.command === command);
  if (!row || row.to === 'same') throw new Error(`${command} opens nothing`);
  return cells[row.to];
}

/** The commands that a caller can ask for in a cell. */
export function allowedCommands(from: CellName): string[] {
  const rows = transitions.filter((row) => row.by === 'caller' && row.from.includes(from));
  return [...new Set(rows.map((row) => row.command))];
}

/** INVALID_STATUS for a command on this session, with what would be allowed. */
export function invalidStatus(session: SessionRecord, command: Command) {
  const state = stateWord(session.state);
  return refuse(ErrorReason.INVALID_STATUS, `${command} is not possible while the session is ${state}`, {
    session_id: session.sessionId,
    state,
    status: controlWord(session.control),
    command,
    allowed: allowedCommands(cellOf(session)).join(','),
  });
}
