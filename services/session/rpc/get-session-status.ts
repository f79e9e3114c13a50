import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  GetSessionStatusResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskAuthor } from '../../../gen/autosession/task/v1/task_pb.js';
import type { SessionDeps } from '../deps.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** A session with its newest task of upstream (an agent's message is none) and its message count, in one flat record. */
export const getSessionStatus =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['getSessionStatus'] =>
  async (request) => {
    const record = await loadSession(deps, request.sessionId);
    const { sessionId } = record;
    const [, { tasks }, { messageCount }] = await Promise.all([
      deps.fences.confirm(record),
      record.chat ? { tasks: [] } : deps.tasks.getSessionTasks({ sessionId, author: TaskAuthor.BOT }),
      deps.messages.getSessionMessages({ sessionId, limit: 0 }),
    ]);
    const [task] = tasks;
    const session = sessionToProto(record);
    return create(GetSessionStatusResponseSchema, {
      sessionId,
      sessionName: session.sessionName,
      externalTaskId: session.externalTaskId,
      taskType: session.taskType,
      taskId: task?.taskId,
      taskStatus: task?.taskStatus,
      taskStatusCode: task?.taskStatusCode,
      sendContent: task?.sendContent,
      sessionState: session.state,
      status: session.status,
      accountId: session.accountId,
      shopId: session.shopId,
      shopName: session.shopName,
      priority: session.priority,
      messageCount,
      createdAt: session.createdAt,
      finishedAt: session.finishedAt,
      lastActivity: session.lastActivity,
      assignedAgent: session.assignedAgent,
    });
  };
