import type { ServiceImpl } from '@connectrpc/connect';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Module } from '../lib/runtime/module.ts';
import { newRecent, type TaskDeps } from './deps.ts';
import { onSessionChanged, onSessionCreated } from './events.ts';
import { measureTasks } from './jobs/measure-tasks.ts';
import { startTaskPurge } from './jobs/purge-tasks.ts';
import { startReaper } from './jobs/reaper.ts';
import { ReadyQueue } from './queue/ready-queue.ts';
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
import { SendUrlLookup } from './send-url/send-url-lookup.ts';
import { taskDispatchMigrations } from './store/migrations.ts';

/** What is sent next, by whom, and whether it was sent. */
export const taskDispatchModule: Module = {
  name: 'task-dispatch',
  provides: [TaskService],
  uses: [SessionService],
  migrations: taskDispatchMigrations,
  start: async (given, directory) => {
    const ready = new ReadyQueue(given.queue, given.logger);
    const { sendUrlLookup } = given.config;
    const sendUrls = sendUrlLookup && new SendUrlLookup(sendUrlLookup, given);
    const deps: TaskDeps = {
      ...{ ...given, ready, sendUrls, recent: newRecent() },
      sessions: directory.get(SessionService),
    };
    const loops = new AsyncDisposableStack();
    measureTasks(deps);
    return {
      routes: (router) => void router.service(TaskService, implementation(deps)),
      eventHandlers: { sessionCreated: onSessionCreated(deps), sessionChanged: onSessionChanged(deps) },
      onReady: () => {
        loops.use(startReaper(deps));
        loops.use(startTaskPurge(deps));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};

function implementation(deps: TaskDeps): ServiceImpl<typeof TaskService> {
  return {
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
  };
}
