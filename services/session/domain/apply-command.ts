import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { handoverReasonName } from './enum-names.ts';
import { type Agent, type EscalationRecord, expiresAt, isOpen, type SessionRecord, timeoutAt } from './session.ts';
import { type Command, compositeStates, findSessionTransition, invalidStatus, stateKeyOf } from './transitions.ts';

/** The input of each command. */
export interface CommandInputs {
  activate: { readonly reason: string };
  mark_idle: object;
  pause: { readonly reason: string; readonly resumeAt?: number };
  resume: { readonly reason: string };
  escalate: Omit<EscalationRecord, 'triggerAt' | 'evidence'> & {
    readonly takenHash?: string;
    readonly evidence?: readonly string[];
  };
  take_over: { readonly agent: Agent };
  attend_externally: { readonly evidence: readonly string[]; readonly answerDueAt?: number };
  attendant_silent: object;
  release: { readonly agentId: string; readonly reason: string };
  identify: { readonly accountKey: string; readonly accountId: string };
  /** `fenceEpoch`: the epoch of the fence, which is above the session's. */
  pass_fence: { readonly fenceEpoch: number };
  complete: { readonly reason: string };
  cancel: { readonly reason: string };
  /** `limitMinutes`: the limit that was exceeded: its own, or that of a request. */
  time_out: { readonly limitMinutes: number };
  expire: object;
  archive: { readonly reason: string };
}

/** A command that changes a session and has an event. */
export type ChangingCommand = keyof CommandInputs;

/** A decided change: the session before and after, and the content of its event. */
export interface Change {
  readonly command: ChangingCommand;
  readonly before: SessionRecord;
  readonly after: SessionRecord;
  readonly reason: string;
  readonly actor: string;
  readonly evidence: readonly string[];
  readonly epochRaised: boolean;
}

type Effect = Partial<SessionRecord>;
type Effects = { [K in ChangingCommand]: (session: SessionRecord, input: CommandInputs[K], now: number) => Effect };

/** What a command sets besides state, control, epochs and version, which the transition table sets. */
const effects: Effects = {
  activate: (_, __, now) => ({ lastActivity: now }),
  mark_idle: () => ({}),
  pause: (_, { resumeAt }, now) => ({ resumeAt, lastActivity: now }),
  resume: (_, __, now) => ({ lastActivity: now }),
  escalate: (session, { takenHash, evidence = [], ...escalation }, now) => ({
    escalation: { ...escalation, triggerAt: now, evidence },
    takenHash: takenHash ?? session.takenHash,
    lastActivity: now,
  }),
  take_over: (session, { agent }, now) => ({
    agent,
    escalation: escalationOfTakeOver(session, now),
    lastActivity: now,
  }),
  attend_externally: (_, { evidence, answerDueAt }, now) => ({
    escalation: {
      reason: HandoverReason.HUMAN_INTERVENTION,
      severity: Severity.HIGH,
      details: '',
      triggerAt: now,
      evidence,
    },
    attendantDueAt: answerDueAt,
    lastActivity: now,
  }),
  attendant_silent: () => ({}),
  release: (session, { agentId }, now) => ({
    lastManualEndAt: now,
    lastReleasedBy: agentId,
    releasedVersion: session.version + 1,
    lastActivity: now,
  }),
  identify: (_, { accountKey, accountId }) => ({ accountKey, accountId }),
  pass_fence: () => ({}),
  complete: (_, { reason }, now) => ({ finishedAt: now, closeReason: reason }),
  cancel: (_, { reason }, now) => ({ finishedAt: now, closeReason: reason, createHash: '', takenHash: '' }),
  time_out: (session, { limitMinutes }, now) => ({
    // when the limit was reached, not when the sweep noticed
    finishedAt: Math.min(now, timeoutAt(session, limitMinutes)),
    closeReason: 'inactive',
    createHash: '',
    takenHash: '',
  }),
  expire: (session, __, now) => ({
    finishedAt: Math.min(now, expiresAt(session) ?? now),
    closeReason: 'expired',
    createHash: '',
    takenHash: '',
  }),
  archive: () => ({}),
};

/** A takeover directly from the bot is its own reason; otherwise the escalation that requested a human stays. */
function escalationOfTakeOver(session: SessionRecord, now: number): EscalationRecord | undefined {
  if (session.control !== Control.BOT_ACTIVE) return session.escalation;
  return { reason: HandoverReason.MANUAL, severity: Severity.LOW, details: '', triggerAt: now, evidence: [] };
}

/**
 * Decides one command on a session at `now`. Pure. Throws INVALID_STATUS when the table has no row for it. Repeats and
 * ownership are checked before (commands.ts).
 */
export function applyCommand<K extends ChangingCommand>(
  before: SessionRecord,
  command: K,
  input: CommandInputs[K],
  ctx: { readonly now: number; readonly actor: string },
): Change {
  const row = findSessionTransition(command as Command, stateKeyOf(before));
  if (!row) throw invalidStatus(before, command as Command);
  const target = row.to === 'same' ? compositeStates[stateKeyOf(before)] : compositeStates[row.to];
  const { fenceEpoch = 0 } = input as Partial<CommandInputs['pass_fence']>;
  const ownerEpoch = Math.max(before.ownerEpoch, fenceEpoch) + (row.raisesEpoch ? 1 : 0);
  const moved: SessionRecord = {
    ...before,
    ...effects[command](before, input, ctx.now),
    state: target.state,
    control: target.control,
    attendantExternal: target.external,
    ownerEpoch,
    tasksFromEpoch: row.withdrawsTasks ? ownerEpoch : before.tasksFromEpoch,
    version: before.version + 1,
    sourceSeq: before.sourceSeq + 1,
    updatedAt: ctx.now,
  };
  return {
    command,
    before,
    after: normalize(moved),
    reason: reasonOf(command, input),
    actor: ctx.actor,
    evidence: (input as Partial<CommandInputs['attend_externally']>).evidence ?? [],
    epochRaised: row.raisesEpoch,
  };
}

/** Removes agent, due times and pause where they have no meaning in the new state. */
function normalize(session: SessionRecord): SessionRecord {
  return {
    ...session,
    agent: session.control === Control.MANUAL_LIVE && !session.attendantExternal ? session.agent : undefined,
    attendantDueAt: session.attendantExternal ? session.attendantDueAt : undefined,
    resumeAt: session.state === SessionState.PAUSED ? session.resumeAt : undefined,
    finishedAt: isOpen(session) ? undefined : session.finishedAt,
  };
}

const fixedReasons: Partial<Record<ChangingCommand, string>> = {
  mark_idle: 'inactive',
  take_over: 'manual',
  attend_externally: 'human_intervention',
  attendant_silent: 'attendant_silent',
  identify: 'account_found',
  pass_fence: 'fence_ahead',
  time_out: 'inactive',
  expire: 'expired',
};

function reasonOf(command: ChangingCommand, input: object): string {
  const { reason } = input as { reason?: string | HandoverReason };
  if (typeof reason === 'number') return handoverReasonName(reason);
  return fixedReasons[command] ?? reason ?? '';
}
