import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { applyCommand, type Change, type CommandInputs } from './apply-command.ts';
import { superseded } from './replayed-command.ts';
import type { Agent, SessionRecord } from './session.ts';

/** The time of a decision and the client that requests it. */
export interface CommandContext {
  readonly now: number;
  readonly actor: string;
}

/*
 * The commands of clients. Each returns the change, or undefined when there is nothing to change and the request gets the same
 * answer; each throws the errors that its RPC documents.
 */

/** Throws MANUAL_IN_PROGRESS while a human is in control. */
export function escalate(
  session: SessionRecord,
  input: CommandInputs['escalate'],
  ctx: CommandContext,
): Change | undefined {
  if (session.control === Control.PENDING_MANUAL) return undefined;
  if (session.control === Control.MANUAL_LIVE)
    throw appError(ErrorReason.MANUAL_IN_PROGRESS, 'a human is already in control of this session', agentOf(session));
  return applyCommand(session, 'escalate', input, ctx);
}

/**
 * An escalation because of something that was said in `epoch`. Undefined when the session was escalated from that epoch already.
 * Throws SUPERSEDED when its control has changed since.
 */
export function escalateByRule(
  session: SessionRecord,
  epoch: number,
  input: CommandInputs['escalate'],
  ctx: CommandContext,
): Change | undefined {
  if (session.control === Control.PENDING_MANUAL && session.ownerEpoch === epoch + 1) return undefined;
  if (session.control !== Control.BOT_ACTIVE || session.ownerEpoch !== epoch) throw superseded(session);
  return applyCommand(session, 'escalate', input, ctx);
}

/** Throws ALREADY_TAKEN when another agent is in control. */
export function takeOver(session: SessionRecord, agent: Agent, ctx: CommandContext): Change | undefined {
  if (session.control === Control.MANUAL_LIVE && !session.attendantExternal) {
    if (session.agent?.id === agent.id) return undefined;
    throw appError(ErrorReason.ALREADY_TAKEN, 'another agent is in control of this session', agentOf(session));
  }
  return applyCommand(session, 'take_over', { agent }, ctx);
}

/** Returns control to the bot. Throws NOT_YOUR_SESSION when another agent is in control. */
export function release(
  session: SessionRecord,
  input: CommandInputs['release'],
  ctx: CommandContext,
): Change | undefined {
  const releasedByAgent = session.lastReleasedBy === input.agentId && session.releasedVersion === session.version;
  if (session.control === Control.BOT_ACTIVE && releasedByAgent) return undefined;
  if (session.control === Control.MANUAL_LIVE && !session.attendantExternal && session.agent?.id !== input.agentId)
    throw appError(ErrorReason.NOT_YOUR_SESSION, 'another agent is in control of this session', agentOf(session));
  return applyCommand(session, 'release', input, ctx);
}

/** Holds the tasks of the bot. Throws INVALID_ARGUMENT for a `resumeAt` in the past. */
export function pause(session: SessionRecord, input: CommandInputs['pause'], ctx: CommandContext): Change | undefined {
  if (session.state === SessionState.PAUSED && session.resumeAt === input.resumeAt) return undefined;
  if (input.resumeAt !== undefined && input.resumeAt <= ctx.now)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'resume_at must be in the future', { field: 'resume_at' });
  return applyCommand(session, 'pause', input, ctx);
}

export function resume(
  session: SessionRecord,
  input: CommandInputs['resume'],
  ctx: CommandContext,
): Change | undefined {
  if (session.state === SessionState.ACTIVE) return undefined;
  return applyCommand(session, 'resume', input, ctx);
}

export function close(
  session: SessionRecord,
  outcome: 'complete' | 'cancel',
  reason: string,
  ctx: CommandContext,
): Change | undefined {
  const closed = outcome === 'complete' ? SessionState.COMPLETED : SessionState.CANCELLED;
  if (session.state === closed) return undefined;
  return applyCommand(session, outcome, { reason }, ctx);
}

export function archive(session: SessionRecord, reason: string, ctx: CommandContext): Change | undefined {
  if (session.state === SessionState.ARCHIVED) return undefined;
  return applyCommand(session, 'archive', { reason }, ctx);
}

/**
 * Activates a pending or idle session after one of its tasks was sent, unless that was (`at`) before the session's last
 * activity.
 */
export function taskSucceeded(session: SessionRecord, at: number | undefined, ctx: CommandContext): Change | undefined {
  if (session.state !== SessionState.PENDING && session.state !== SessionState.IDLE) return undefined;
  if (session.state === SessionState.IDLE && at !== undefined && at <= session.lastActivity) return undefined;
  return applyCommand(session, 'activate', { reason: 'task_completed' }, ctx);
}

/** Cancels a session that never became active and has no other open task after one of its tasks failed. */
export function taskFailed(
  session: SessionRecord,
  othersOpen: boolean,
  reason: string,
  ctx: CommandContext,
): Change | undefined {
  if (session.state !== SessionState.PENDING || othersOpen) return undefined;
  return applyCommand(session, 'cancel', { reason: `task_failed${reason ? `: ${reason}` : ''}`.slice(0, 500) }, ctx);
}

function agentOf(session: SessionRecord) {
  return { session_id: session.sessionId, agent_id: session.agent?.id ?? '', agent_name: session.agent?.name ?? '' };
}

const severities: Partial<Record<HandoverReason, Severity>> = {
  [HandoverReason.REGULATOR]: Severity.HIGH,
  [HandoverReason.HUMAN_INTERVENTION]: Severity.HIGH,
  [HandoverReason.USER_REQUEST]: Severity.MEDIUM,
  [HandoverReason.KEYWORD]: Severity.MEDIUM,
  [HandoverReason.SENTIMENT]: Severity.MEDIUM,
  [HandoverReason.FAIL_LOOP]: Severity.MEDIUM,
};

/** The severity of an escalation that names none. */
export function defaultSeverity(reason: HandoverReason): Severity {
  return severities[reason] ?? Severity.LOW;
}

export function severityOfTask(taskType: TaskType): Severity {
  if (taskType === TaskType.MANUAL_URGENT) return Severity.HIGH;
  return taskType === TaskType.MANUAL_COMPLAINT ? Severity.MEDIUM : Severity.LOW;
}
