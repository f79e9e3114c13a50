import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type AddSessionTaskRequest,
  AddSessionTaskResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type Task, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { withReplayDetection } from '../../lib/idempotency/with-idempotency.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { sessionControlName, sessionStateName } from '../domain/enum-names.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import { isBotInControl, isPaused, REPLAY_WINDOW_MS } from '../domain/slot.ts';
import { taskSpec } from '../domain/task-spec.ts';
import { shouldTouch } from '../domain/timers.ts';
import { saveResponseAlone } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/session-transaction.ts';

/** Why a task is withdrawn at once: the bot has lost the word since the session was read. */
const WITHDRAWN = ['handed_over', 'session_closed'];

/** Gives an open session a further task while the bot has the word. */
export const addSessionTask =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['addSessionTask'] =>
  async (request) => {
    const method = SessionService.method.addSessionTask;
    const { answer, replayed } = await withReplayDetection(deps, method, request, async (saveResponse) => {
      const session = await loadSession(deps, request.sessionId);
      assertBotInControl(session);
      await deps.fences.confirm(session);
      const task = await createTask(deps, session, request);
      const answer = create(AddSessionTaskResponseSchema, { task });
      const now = deps.clock.now();
      if (shouldTouch(session, now)) await deps.sessions.touch(currentTenant(), session, now);
      await saveResponseAlone(deps, saveResponse, answer);
      return answer;
    });
    if (replayed && answer.task) answer.task = (await deps.tasks.getTask({ taskId: answer.task.taskId })).task;
    return answer;
  };

/** An equal task of the last 24 h is the answer instead, so a repeat after a lost answer adds nothing. */
async function createTask(deps: SessionDeps, session: SessionRecord, request: AddSessionTaskRequest): Promise<Task> {
  const spec = taskSpec(session, request, {
    taskId: deps.ids.next('tsk'),
    ownerEpoch: session.ownerEpoch,
    createdAt: deps.clock.now(),
  });
  const { task } = await deps.tasks.createTask({
    task: spec,
    status: session.control,
    paused: isPaused(session),
    reuseSeconds: REPLAY_WINDOW_MS / 1_000,
  });
  if (!task) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the task was not stored; a repeat is harmless');
  if (task.taskStatus === TaskStatus.CANCELLED && WITHDRAWN.includes(task.errorMessage)) {
    const now = await loadSession(deps, session.sessionId);
    assertBotInControl(now);
    throw handedOver(now);
  }
  return task;
}

function assertBotInControl(session: SessionRecord): void {
  if (isOpen(session) && !isBotInControl(session)) throw handedOver(session);
  if (isOpen(session)) return;
  const state = sessionStateName(session.state);
  throw appError(ErrorReason.INVALID_STATUS, `the session is ${state}`, {
    session_id: session.sessionId,
    state,
    status: sessionControlName(session.control),
    command: 'add_task',
    allowed: '',
  });
}

function handedOver(session: SessionRecord) {
  return appError(ErrorReason.HANDED_OVER, 'the bot has not the word in this session', {
    session_id: session.sessionId,
    status: sessionControlName(session.control),
  });
}
