import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type AddSessionTaskRequest,
  AddSessionTaskResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { type Task, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { currentTenant } from '../../lib/context.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { loadSession } from '../commit.ts';
import type { SessionDeps } from '../deps.ts';
import { wantsTouch } from '../domain/deadlines.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import { botHasTheWord, isPaused, REPEAT_MS } from '../domain/slot.ts';
import { controlWord, stateWord } from '../domain/words.ts';
import { recordAlone } from './command-once.ts';
import { taskSpec } from './task-spec.ts';

/** Why a task is withdrawn at once: the bot has lost the word since the session was read. */
const WITHDRAWN = ['handed_over', 'session_closed'];

/** Gives an open session a further task while the bot has the word. */
export const addSessionTask =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['addSessionTask'] =>
  async (request) => {
    const method = SessionService.method.addSessionTask;
    const { answer, replayed } = await onceOrReplayed(deps, method, request, async (record) => {
      const session = await loadSession(deps, request.sessionId);
      checkWord(session);
      await deps.fences.confirm(session);
      const task = await createTask(deps, session, request);
      const answer = create(AddSessionTaskResponseSchema, { task });
      const now = deps.clock.now();
      if (wantsTouch(session, now)) await deps.sessions.touch(currentTenant(), session, now);
      await recordAlone(deps, record, answer);
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
    reuseSeconds: REPEAT_MS / 1_000,
  });
  if (!task) throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the task was not stored; a repeat is harmless');
  if (task.taskStatus === TaskStatus.CANCELLED && WITHDRAWN.includes(task.errorMessage)) {
    const now = await loadSession(deps, session.sessionId);
    checkWord(now);
    throw handedOver(now);
  }
  return task;
}

function checkWord(session: SessionRecord): void {
  if (isOpen(session) && !botHasTheWord(session)) throw handedOver(session);
  if (isOpen(session)) return;
  const state = stateWord(session.state);
  throw refuse(ErrorReason.INVALID_STATUS, `the session is ${state}`, {
    session_id: session.sessionId,
    state,
    status: controlWord(session.control),
    command: 'add_task',
    allowed: '',
  });
}

function handedOver(session: SessionRecord) {
  return refuse(ErrorReason.HANDED_OVER, 'the bot has not the word in this session', {
    session_id: session.sessionId,
    status: controlWord(session.control),
  });
}
