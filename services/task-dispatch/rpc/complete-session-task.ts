import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import {
  type CompleteSessionTaskResponse,
  CompleteSessionTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { notifySession } from '../commands/notify-session.ts';
import { findReportedTask, recordTaskReport, requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { statusToProto, toTimestamp } from '../domain/task-to-proto.ts';

export const completeSessionTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['completeSessionTask'] =>
  async (request) => {
    const method = TaskService.method.completeSessionTask;
    const success = request.success === true;
    const { answer: recorded, replayed } = await withReplayDetection(deps, method, request, async (saveResponse) => {
      const found = await findReportedTask(deps, request);
      const report = { success, token: request.leaseToken, errorMessage: request.errorMessage, byTask: false };
      const task = await recordTaskReport(deps, found, report, (tx, after) =>
        saveResponse(tx, answerOf(after, success)),
      );
      return answerOf(task, success);
    });
    const answer = replayed ? answerOf(await requireTask(deps, recorded.taskId), success) : recorded;
    // for repeats too: the session has recorded the outcome, and its state in the response is current
    const { sessionId, taskId, taskStatus } = answer;
    const sent = taskStatus === TaskStatus.COMPLETED;
    const errorMessage = sent ? '' : (await requireTask(deps, taskId)).errorMessage;
    const session = await notifySession(deps, { sessionId, taskId, taskStatus, errorMessage });
    return Object.assign(answer, { state: session?.state });
  };

function answerOf(task: StoredTask, success: boolean): CompleteSessionTaskResponse {
  return create(CompleteSessionTaskResponseSchema, {
    sessionId: task.sessionId,
    success,
    completedAt: toTimestamp(task.finishedAt),
    taskId: task.taskId,
    taskStatus: statusToProto(task.status),
  });
}
