import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { sessionControlName, sessionStateName } from './enum-names.ts';
import type { SessionRecord } from './session.ts';

/** State and control together, and whether the human writes in the shop's own chat window. */
export interface CompositeState {
  readonly state: SessionState;
  readonly control: Control;
  readonly external: boolean;
}

const compositeState = (state: SessionState, control: Control, external = false): CompositeState => ({
  state,
  control,
  external,
});

/** All combinations that exist. */
export const compositeStates = {
  pending: compositeState(SessionState.PENDING, Control.BOT_ACTIVE),
  active: compositeState(SessionState.ACTIVE, Control.BOT_ACTIVE),
  idle: compositeState(SessionState.IDLE, Control.BOT_ACTIVE),
  paused: compositeState(SessionState.PAUSED, Control.BOT_ACTIVE),
  waiting: compositeState(SessionState.TRANSFERRED, Control.PENDING_MANUAL),
  attended: compositeState(SessionState.TRANSFERRED, Control.MANUAL_LIVE),
  attended_externally: compositeState(SessionState.TRANSFERRED, Control.MANUAL_LIVE, true),
  completed: compositeState(SessionState.COMPLETED, Control.CLOSED),
  timeout: compositeState(SessionState.TIMEOUT, Control.CLOSED),
  cancelled: compositeState(SessionState.CANCELLED, Control.CLOSED),
  expired: compositeState(SessionState.EXPIRED, Control.CLOSED),
  archived: compositeState(SessionState.ARCHIVED, Control.CLOSED),
} as const satisfies Record<string, CompositeState>;

export type StateKey = keyof typeof compositeStates;

/** Commands that open a session. */
export type OpenCommand = 'open_bot' | 'open_human' | 'open_attended' | 'open_chat';

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
export interface SessionTransition {
  readonly command: Command | OpenCommand;
  /** Empty for a command that opens a session. */
  readonly from: readonly StateKey[];
  readonly to: StateKey | 'same';
  /** Whether owner_epoch rises. */
  readonly raisesEpoch: boolean;
  /** Whether the bot's unsent tasks are withdrawn: tasks_from_epoch rises to the new epoch. */
  readonly withdrawsTasks: boolean;
  /** Whether clients can request it, or only the system. */
  readonly by: 'caller' | 'system';
}

const bot = ['pending', 'active', 'idle', 'paused'] as const;
const human = ['waiting', 'attended', 'attended_externally'] as const;
const openStates = [...bot, ...human] as const;
const closed = ['completed', 'timeout', 'cancelled', 'expired'] as const;

const keepsEpoch = { raisesEpoch: false, withdrawsTasks: false } as const;
const raisesEpochOnly = { raisesEpoch: true, withdrawsTasks: false } as const;
const raisesEpochAndWithdraws = { raisesEpoch: true, withdrawsTasks: true } as const;

/** The only source of the state and the control that a command leads to. */
export const sessionTransitions: readonly SessionTransition[] = [
  { command: 'open_bot', from: [], to: 'pending', ...keepsEpoch, by: 'caller' },
  { command: 'open_human', from: [], to: 'waiting', ...keepsEpoch, by: 'caller' },
  { command: 'open_attended', from: [], to: 'attended_externally', ...keepsEpoch, by: 'system' },
  { command: 'open_chat', from: [], to: 'active', ...keepsEpoch, by: 'caller' },
  { command: 'activate', from: ['pending', 'idle'], to: 'active', ...keepsEpoch, by: 'system' },
  { command: 'touch', from: openStates, to: 'same', ...keepsEpoch, by: 'system' },
  { command: 'mark_idle', from: ['active'], to: 'idle', ...keepsEpoch, by: 'system' },
  { command: 'pause', from: ['pending', 'active', 'idle'], to: 'paused', ...raisesEpochOnly, by: 'caller' },
  { command: 'pause', from: ['paused'], to: 'same', ...keepsEpoch, by: 'caller' },
  { command: 'resume', from: ['paused'], to: 'active', ...raisesEpochOnly, by: 'caller' },
  { command: 'escalate', from: bot, to: 'waiting', ...raisesEpochAndWithdraws, by: 'caller' },
  {
    command: 'take_over',
    from: [...bot, 'waiting', 'attended_externally'],
    to: 'attended',
    ...raisesEpochAndWithdraws,
    by: 'caller',
  },
  {
    command: 'attend_externally',
    from: [...bot, 'waiting'],
    to: 'attended_externally',
    ...raisesEpochAndWithdraws,
    by: 'system',
  },
  {
    command: 'attendant_silent',
    from: ['attended_externally'],
    to: 'waiting',
    ...raisesEpochAndWithdraws,
    by: 'system',
  },
  { command: 'release', from: human, to: 'active', ...raisesEpochAndWithdraws, by: 'caller' },
  { command: 'identify', from: openStates, to: 'same', ...keepsEpoch, by: 'system' },
  {
    command: 'pass_fence',
    from: [...openStates, ...closed, 'archived'],
    to: 'same',
    ...raisesEpochOnly,
    by: 'system',
  },
  { command: 'complete', from: openStates, to: 'completed', ...raisesEpochAndWithdraws, by: 'caller' },
  { command: 'cancel', from: openStates, to: 'cancelled', ...raisesEpochAndWithdraws, by: 'caller' },
  { command: 'time_out', from: openStates, to: 'timeout', ...raisesEpochAndWithdraws, by: 'system' },
  // never while a human is in control or requested
  { command: 'expire', from: bot, to: 'expired', ...raisesEpochAndWithdraws, by: 'system' },
  { command: 'archive', from: closed, to: 'archived', ...keepsEpoch, by: 'caller' },
];

/** A row of the table in the documentation. */
export interface TransitionTableRow {
  readonly command: string;
  readonly from: readonly string[];
  readonly to: string;
  readonly control: string;
  readonly raisesEpoch: boolean;
  readonly withdrawsTasks: boolean;
  readonly by: 'caller' | 'system';
}

/** The table for the documentation: `state/control`, with `(external)` for a human in the shop's own window. */
export function transitionTable(): TransitionTableRow[] {
  return sessionTransitions.map(({ command, from, to, raisesEpoch, withdrawsTasks, by }) => ({
    command,
    from: from.map((name) => describeState(compositeStates[name])),
    to: to === 'same' ? 'unchanged' : describeState(compositeStates[to]),
    control: to === 'same' ? 'unchanged' : sessionControlName(compositeStates[to].control),
    raisesEpoch,
    withdrawsTasks,
    by,
  }));
}

function describeState({ state, control, external }: CompositeState): string {
  return `${sessionStateName(state)}/${sessionControlName(control)}${external ? ' (external)' : ''}`;
}

/** Throws on a combination that does not exist: a defect. */
export function stateKeyOf(session: SessionRecord): StateKey {
  for (const [name, { state, control, external }] of Object.entries(compositeStates)) {
    if (session.state === state && session.control === control && session.attendantExternal === external)
      return name as StateKey;
  }
  throw new Error(
    `session ${session.sessionId} is in an unknown state: ${sessionStateName(session.state)}/${sessionControlName(session.control)}`,
  );
}

/** The row for a command, or undefined when it is not accepted in this state. */
export function findSessionTransition(command: Command, from: StateKey): SessionTransition | undefined {
  return sessionTransitions.find((row) => row.command === command && row.from.includes(from));
}

/** The state of a session after it is opened by this command. */
export function stateAfterOpening(command: OpenCommand): CompositeState {
  const row = sessionTransitions.find((candidate) => candidate.command === command);
  if (!row || row.to === 'same') throw new Error(`${command} opens no session`);
  return compositeStates[row.to];
}

/** The commands that clients can request in this state. */
export function allowedCommands(from: StateKey): string[] {
  const rows = sessionTransitions.filter((row) => row.by === 'caller' && row.from.includes(from));
  return [...new Set(rows.map((row) => row.command))];
}

/** INVALID_STATUS for a command on this session, with the allowed commands. */
export function invalidStatus(session: SessionRecord, command: Command) {
  const state = sessionStateName(session.state);
  return appError(ErrorReason.INVALID_STATUS, `${command} is not possible while the session is ${state}`, {
    session_id: session.sessionId,
    state,
    status: sessionControlName(session.control),
    command,
    allowed: allowedCommands(stateKeyOf(session)).join(','),
  });
}
