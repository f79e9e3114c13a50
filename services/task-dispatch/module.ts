import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Module } from '../lib/runtime/module.ts';
import { newRecent, type TaskDeps } from './deps.ts';
import { onSessionChanged, onSessionCreated } from './events.ts';
import { measureTasks } from './jobs/measure-tasks.ts';
import { startTaskPurge } from './jobs/purge-tasks.ts';
import { startReaper } from './jobs/reaper.ts';
import { addTaskMetrics } from './metrics.ts';
import { ReadyQueue } from './queue/ready-queue.ts';
import { taskRoutes } from './routes.ts';
import { SendUrlLookup } from './send-url/send-url-lookup.ts';
import { taskDispatchMigrations } from './store/migrations.ts';

/** Decides which task is sent next and by which sender, and whether a task was sent. */
export const taskDispatchModule: Module = {
  name: 'task-dispatch',
  provides: [TaskService],
  uses: [SessionService],
  migrations: taskDispatchMigrations,
  start: async (kernel, clients) => {
    const given = { ...kernel, metrics: addTaskMetrics(kernel.metrics) };
    const ready = new ReadyQueue(given.queue, given.logger);
    const { sendUrlLookup } = given.config;
    const sendUrls = sendUrlLookup && new SendUrlLookup(sendUrlLookup, given);
    const sessions = clients.get(SessionService);
    const deps: TaskDeps = { ...given, ready, sendUrls, sessions, recent: newRecent() };
    const loops = new AsyncDisposableStack();
    measureTasks(deps);
    return {
      routes: taskRoutes(deps),
      eventHandlers: { sessionCreated: onSessionCreated(deps), sessionChanged: onSessionChanged(deps) },
      onReady: () => {
        loops.use(startReaper(deps));
        loops.use(startTaskPurge(deps));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
