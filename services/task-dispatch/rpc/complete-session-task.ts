import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import {
  type CompleteSessionTaskResponse,
  CompleteSessionTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { mustFindTask, recordReport, reportedTask } from '../commands/report.ts';
import { tellSession } from '../commands/tell-session.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { statusMessage, timestamp } from '../domain/task-message.ts';

export const completeSessionTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['completeSessionTask'] =>
  async (request) => {
    const method = TaskService.method.completeSessionTask;
    const success = request.success === true;
    const { answer: said, replayed } = await onceOrReplayed(deps, method, request, async (record) => {
      const found = await reportedTask(deps, request);
      const report = { success, token: request.leaseToken, errorMessage: request.errorMessage, byTask: false };
      const task = await recordReport(deps, found, report, (tx, after) => record(tx, answerOf(after, success)));
      return answerOf(task, success);
    });
    const answer = replayed ? answerOf(await mustFindTask(deps, said.taskId), success) : said;
    // of every answer, repeats too: the session has heard of it, and its state is the one that it has now
    const { sessionId, taskId, taskStatus } = answer;
    const sent = taskStatus === TaskStatus.COMPLETED;
    const errorMessage = sent ? '' : (await mustFindTask(deps, taskId)).errorMessage;
    const session = await tellSession(deps, { sessionId, taskId, taskStatus, errorMessage });
    return Object.assign(answer, { state: session?.state });
  };

function answerOf(task: StoredTask, success: boolean): CompleteSessionTaskResponse {
  return create(CompleteSessionTaskResponseSchema, {
    sessionId: task.sessionId,
    success,
    completedAt: timestamp(task.finishedAt),
    taskId: task.taskId,
    taskStatus: statusMessage(task.status),
  });
}
