import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { RaiseFenceResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { raiseSessionFence as raise } from '../commands/raise-fence.ts';
import type { TaskDeps } from '../deps.ts';
import { toControlName } from '../domain/fence.ts';
import { HANDED_OVER } from '../domain/task.ts';
import { possiblySentToProto, unsentToProto } from '../domain/task-to-proto.ts';

export const raiseFence =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['raiseFence'] =>
  async (request) => {
    const { sessionId, ownerEpoch, paused, agentId, tasksFromEpoch } = request;
    const update = { sessionId, ownerEpoch, status: toControlName(request.status), paused, agentId, tasksFromEpoch };
    const raised = await raise(deps, { ...update, cancelReason: request.cancelReason || HANDED_OVER });
    return create(RaiseFenceResponseSchema, {
      ownerEpoch: raised.ownerEpoch,
      possiblySent: raised.possiblySent.map(possiblySentToProto),
      unsent: raised.unsent.map(unsentToProto),
    });
  };
