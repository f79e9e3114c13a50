import type { ConnectRouter } from '@connectrpc/connect';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { TaskDeps } from './deps.ts';
import { cancelTask } from './rpc/cancel-task.ts';
import { claimNextTask } from './rpc/claim-next-task.ts';
import { completeSessionTask } from './rpc/complete-session-task.ts';
import { completeTask } from './rpc/complete-task.ts';
import { createTask } from './rpc/create-task.ts';
import { explainMessages } from './rpc/explain-messages.ts';
import { extendLease } from './rpc/extend-lease.ts';
import { failTask } from './rpc/fail-task.ts';
import { getSendInfo } from './rpc/get-send-info.ts';
import { getSessionTasks } from './rpc/get-session-tasks.ts';
import { getTask } from './rpc/get-task.ts';
import { getTaskStats } from './rpc/get-task-stats.ts';
import { listPendingTasks } from './rpc/list-pending-tasks.ts';
import { listTasks } from './rpc/list-tasks.ts';
import { raiseFence } from './rpc/raise-fence.ts';
import { requeueTask } from './rpc/requeue-task.ts';

/** Every RPC of the task service. */
export const taskRoutes = (deps: TaskDeps) => (router: ConnectRouter) => {
  router.service(TaskService, {
    createTask: createTask(deps),
    raiseFence: raiseFence(deps),
    claimNextTask: claimNextTask(deps),
    getSendInfo: getSendInfo(deps),
    completeSessionTask: completeSessionTask(deps),
    extendLease: extendLease(deps),
    completeTask: completeTask(deps),
    failTask: failTask(deps),
    requeueTask: requeueTask(deps),
    cancelTask: cancelTask(deps),
    getTask: getTask(deps),
    listTasks: listTasks(deps),
    listPendingTasks: listPendingTasks(deps),
    getTaskStats: getTaskStats(deps),
    getSessionTasks: getSessionTasks(deps),
    explainMessages: explainMessages(deps),
  });
};
