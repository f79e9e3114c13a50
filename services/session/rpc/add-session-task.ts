import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type AddSessionTaskRequest,
  type AddSessionTaskResponse,
  AddSessionTaskResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type Task, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { sessionControlName, sessionStateName } from '../domain/enum-names.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import { isBotInControl, isPaused, REPLAY_WINDOW_MS } from '../domain/slot.ts';
import { taskSpec } from '../domain/task-spec.ts';
import { shouldTouch } from '../domain/timers.ts';
import { loadSession } from '../unit-of-work/load-session.ts';
import { retryCommand } from '../unit-of-work/retry-command.ts';
import { SessionUnitOfWork } from '../unit-of-work/session-unit-of-work.ts';

/** Reasons of a task that was withdrawn at once: the bot has lost control since the session was read. */
const WITHDRAWN = ['handed_over', 'session_closed'];

/** Adds a task to an open session while the bot is in control. */
export const addSessionTask =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['addSessionTask'] =>
  async (request) => {
    const record = new IdempotencyRecord(deps, SessionService.method.addSessionTask, request);
    return retryCommand(deps, tooManyRepeats, async () => {
      const saved = await record.find();
      if (saved) return withCurrentTask(deps, saved);
      const unit = new SessionUnitOfWork(deps);
      const session = await unit.load(request.sessionId);
      assertBotInControl(session);
      await deps.fences.confirm(session);
      const answer = create(AddSessionTaskResponseSchema, { task: await createTask(deps, session, request) });
      const { now } = unit.context;
      if (shouldTouch(session, now))
        await deps.sessions.touch(currentTenant(), session, { ...session, lastActivity: now });
      unit.respond(record, answer);
      await unit.commit('session-answer');
      return answer;
    });
  };

async function withCurrentTask(deps: SessionDeps, answer: AddSessionTaskResponse): Promise<AddSessionTaskResponse> {
  if (answer.task) answer.task = (await deps.tasks.getTask({ taskId: answer.task.taskId })).task;
  return answer;
}

/** Returns an equal task of the last 24 h instead of a new one, so that a repeat after a lost response adds nothing. */
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
  if (!task) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the task was not stored; repeat the request');
  if (task.taskStatus === TaskStatus.CANCELLED && WITHDRAWN.includes(task.errorMessage)) {
    const now = await loadSession(deps, session.sessionId);
    assertBotInControl(now);
    throw handedOver(now);
  }
  return task;
}

/** Throws for a session that is closed, a chat session, and one in which the bot is not in control. */
function assertBotInControl(session: SessionRecord): void {
  const takesTasks = isOpen(session) && !session.chat;
  if (takesTasks && !isBotInControl(session)) throw handedOver(session);
  if (takesTasks) return;
  const state = sessionStateName(session.state);
  const text = session.chat ? 'a chat session has no tasks' : `the session is ${state}`;
  throw appError(ErrorReason.INVALID_STATUS, text, {
    session_id: session.sessionId,
    state,
    status: sessionControlName(session.control),
    command: 'add_task',
    allowed: '',
  });
}

function handedOver(session: SessionRecord) {
  return appError(ErrorReason.HANDED_OVER, 'the bot is not in control of this session', {
    session_id: session.sessionId,
    status: sessionControlName(session.control),
  });
}

function tooManyRepeats() {
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'the same request is being handled; repeat the request');
}
