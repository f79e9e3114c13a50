import { Control, HandoverReason, SessionState, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { applyCommand, type Change, type CommandInputs } from './apply-command.ts';
import type { Agent, SessionRecord } from './session.ts';

/** When a request is judged, and who asks. */
export interface CommandContext {
  readonly now: number;
  readonly actor: string;
}

/*
 * What callers can ask for. Each returns the change, or undefined when the request repeats what is already so and is to
 * get the same answer; each throws the refusal that its RPC documents.
 */

/** Asks for a human. Throws MANUAL_IN_PROGRESS while one speaks. */
export function escalate(
  session: SessionRecord,
  input: CommandInputs['escalate'],
  ctx: CommandContext,
): Change | undefined {
  if (session.control === Control.PENDING_MANUAL) return undefined;
  if (session.control === Control.MANUAL_LIVE)
    throw appError(ErrorReason.MANUAL_IN_PROGRESS, 'a human already speaks in the session', agentOf(session));
  return applyCommand(session, 'escalate', input, ctx);
}

/** Gives the word to an agent. Throws ALREADY_TAKEN when another one has it. */
export function takeOver(session: SessionRecord, agent: Agent, ctx: CommandContext): Change | undefined {
  if (session.control === Control.MANUAL_LIVE && !session.attendantExternal) {
    if (session.agent?.id === agent.id) return undefined;
    throw appError(ErrorReason.ALREADY_TAKEN, 'another agent has the session', agentOf(session));
  }
  return applyCommand(session, 'take_over', { agent }, ctx);
}

/** Gives the word back to the bot. Throws NOT_YOUR_SESSION when another agent has it. */
export function release(
  session: SessionRecord,
  input: CommandInputs['release'],
  ctx: CommandContext,
): Change | undefined {
  const releasedByAgent = session.lastReleasedBy === input.agentId && session.releasedVersion === session.version;
  if (session.control === Control.BOT_ACTIVE && releasedByAgent) return undefined;
  if (session.control === Control.MANUAL_LIVE && !session.attendantExternal && session.agent?.id !== input.agentId)
    throw appError(ErrorReason.NOT_YOUR_SESSION, 'the session belongs to another agent', agentOf(session));
  return applyCommand(session, 'release', input, ctx);
}

/** Holds the bot's tasks. Throws INVALID_ARGUMENT for an end that is not to come. */
export function pause(session: SessionRecord, input: CommandInputs['pause'], ctx: CommandContext): Change | undefined {
  if (session.state === SessionState.PAUSED && session.resumeAt === input.resumeAt) return undefined;
  if (input.resumeAt !== undefined && input.resumeAt <= ctx.now)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'resume_at is not a time to come', { field: 'resume_at' });
  return applyCommand(session, 'pause', input, ctx);
}

/** Lets a paused session go on. */
export function resume(
  session: SessionRecord,
  input: CommandInputs['resume'],
  ctx: CommandContext,
): Change | undefined {
  if (session.state === SessionState.ACTIVE) return undefined;
  return applyCommand(session, 'resume', input, ctx);
}

/** Ends a session. */
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

/** Puts a closed session away. */
export function archive(session: SessionRecord, reason: string, ctx: CommandContext): Change | undefined {
  if (session.state === SessionState.ARCHIVED) return undefined;
  return applyCommand(session, 'archive', { reason }, ctx);
}

/**
 * What a task that was sent does: something has happened in the session, so one that waited or idled is active; unless it
 * happened (`at`) before the session's last activity.
 */
export function taskSucceeded(session: SessionRecord, at: number | undefined, ctx: CommandContext): Change | undefined {
  if (session.state !== SessionState.PENDING && session.state !== SessionState.IDLE) return undefined;
  if (session.state === SessionState.IDLE && at !== undefined && at <= session.lastActivity) return undefined;
  return applyCommand(session, 'activate', { reason: 'task_completed' }, ctx);
}

/** What a task that was not sent does: a session that never became active and has no other open task is cancelled. */
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

/** How grave an escalation is when the caller does not say. */
export function defaultSeverity(reason: HandoverReason): Severity {
  return severities[reason] ?? Severity.LOW;
}

/** How grave a manual task is. */
export function severityOfTask(taskType: TaskType): Severity {
  if (taskType === TaskType.MANUAL_URGENT) return Severity.HIGH;
  return taskType === TaskType.MANUAL_COMPLAINT ? Severity.MEDIUM : Severity.LOW;
}
