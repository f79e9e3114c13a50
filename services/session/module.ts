import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Deps, Directory, Module } from '../lib/module.ts';
import { Recently } from '../lib/recently.ts';
import { changeSession } from './commit.ts';
import { startDeadlines } from './deadlines.ts';
import { idleAfterMs, type SessionDeps } from './deps.ts';
import { decide } from './domain/change.ts';
import { onTaskChanged } from './events.ts';
import { Fences, type PassFence } from './fences.ts';
import { startFolding } from './fold-directory.ts';
import { measureSessions } from './measure-sessions.ts';
import { Parties } from './parties.ts';
import { startRetention } from './retention.ts';
import { sessionRoutes } from './rpc/routes.ts';
import { DirectoryStore } from './store/directory-store.ts';
import { sessionMigrations } from './store/schema.ts';
import { SessionStore } from './store/session-store.ts';

/** What the handlers work with, from what every module is given. */
export function sessionDeps(deps: Deps, directory: Directory): SessionDeps {
  const tasks = directory.client(TaskService);
  const messages = directory.client(MessageService);
  const sessions = new SessionStore(deps.db, deps.outbox, idleAfterMs(deps));
  const parties = new Parties(new DirectoryStore(deps.db), deps);
  const passFence: PassFence = async (sessionId, fenceEpoch) => {
    let isBelow = false;
    const session = await changeSession(own, sessionId, (current, by) => {
      isBelow = current.ownerEpoch < fenceEpoch;
      return isBelow ? decide(current, 'pass_fence', { fenceEpoch }, by) : undefined;
    });
    return isBelow ? session : undefined;
  };
  const fences = new Fences(tasks, sessions, deps.logger, passFence);
  const own: SessionDeps = { ...deps, sessions, parties, fences, tasks, messages, succeeded: new Recently<true>() };
  return own;
}

/** The sessions, the directory of accounts and shops, and the only decision on who may speak. */
export const sessionModule: Module = {
  name: 'session',
  provides: [SessionService, DirectoryService],
  uses: [TaskService, MessageService],
  migrations: sessionMigrations,
  start: async (deps, directory) => {
    const own = sessionDeps(deps, directory);
    const loops = new AsyncDisposableStack();
    measureSessions(own);
    return {
      routes: sessionRoutes(own),
      consumes: { taskChanged: onTaskChanged(own) },
      begin: () => {
        loops.use(startDeadlines(own));
        loops.use(startRetention(own));
        loops.use(startFolding(own));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
