import type { ServiceImpl } from '@connectrpc/connect';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type CreateSessionRequest,
  type CreateSessionResponse,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { withReplayDetection } from '../../lib/idempotency/with-idempotency.ts';
import { type OpenResult, openSessionOnSlot } from '../commands/open-session-on-slot.ts';
import type { SessionDeps } from '../deps.ts';
import type { SessionRecord } from '../domain/session.ts';
import { taskSpec } from '../domain/task-spec.ts';
import { loadSession } from '../unit-of-work/session-transaction.ts';

/** Opens a session on the slot of (account, shop), with its first task. */
export const createSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['createSession'] =>
  async (request) => {
    let outcome: OpenResult | undefined;
    const method = SessionService.method.createSession;
    const { answer, replayed } = await withReplayDetection(deps, method, request, async (saveResponse) => {
      outcome = await openSessionOnSlot(deps, request, saveResponse);
      return outcome.answer;
    });
    const session = !replayed && outcome ? outcome.session : await loadSession(deps, answer.sessionId);
    Object.assign(answer, { state: session.state, status: session.control });
    await Promise.all([confirmFence(deps, session, answer), createFirstTask(deps, session, request, answer.taskId)]);
    return answer;
  };

async function confirmFence(deps: SessionDeps, session: SessionRecord, answer: CreateSessionResponse): Promise<void> {
  if (answer.takenFromBot) answer.possiblySent = await deps.fences.raise(session);
  else await deps.fences.confirm(session);
}

/** Stores the task that the session's event carries too. Every repeat does it again, so that the answer is true. */
async function createFirstTask(
  deps: SessionDeps,
  session: SessionRecord,
  request: CreateSessionRequest,
  taskId: string,
): Promise<void> {
  if (!taskId) return;
  const task = taskSpec(session, request, { taskId, ownerEpoch: 1, createdAt: session.createdAt });
  try {
    await deps.tasks.createTask({ task, status: Control.BOT_ACTIVE, paused: false, reuseSeconds: 0 });
  } catch (error) {
    if (hasErrorReason(error, ErrorReason.DEADLINE_EXCEEDED) || hasErrorReason(error, ErrorReason.CANCELED))
      throw error;
    const text = 'the session is stored, its task not yet; a repeat is harmless';
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { session_id: session.sessionId, task_id: taskId }, error);
  }
}
