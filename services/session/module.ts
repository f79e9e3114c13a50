import { LRUCache } from 'lru-cache';
import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { ServiceClients } from '../lib/rpc/service-clients.ts';
import type { Deps, Module } from '../lib/runtime/module.ts';
import { idleAfterMs, type SessionDeps } from './deps.ts';
import { applyCommand } from './domain/apply-command.ts';
import { onTaskChanged } from './events.ts';
import { FenceClient, type PassFence } from './fence/fence-client.ts';
import { startAliasFolding } from './jobs/fold-aliases.ts';
import { measureSessions } from './jobs/measure-sessions.ts';
import { startSessionPurge } from './jobs/purge-sessions.ts';
import { startSessionTimers } from './jobs/session-timers.ts';
import { addSessionMetrics } from './metrics.ts';
import { PartyRegistry } from './parties/party-registry.ts';
import { sessionRoutes } from './routes.ts';
import { sessionMigrations } from './store/migrations.ts';
import { PartyAliasStore } from './store/party-alias-store.ts';
import { SessionStore } from './store/session-store.ts';
import { changeSession } from './unit-of-work/change-session.ts';

const MAX_RECORDED_SUCCESSES = 10_000;

/** Adds the stores and clients of the session service to the dependencies of every module. */
export function sessionDeps(deps: Deps, clients: ServiceClients): SessionDeps {
  const tasks = clients.get(TaskService);
  const messages = clients.get(MessageService);
  const sessions = new SessionStore(deps.db, deps.outbox, idleAfterMs(deps));
  const parties = new PartyRegistry(new PartyAliasStore(deps.db), deps);
  const passFence: PassFence = async (sessionId, fenceEpoch) => {
    let isBelow = false;
    const session = await changeSession(sessionServiceDeps, sessionId, (current, ctx) => {
      isBelow = current.ownerEpoch < fenceEpoch;
      return isBelow ? applyCommand(current, 'pass_fence', { fenceEpoch }, ctx) : undefined;
    });
    return isBelow ? session : undefined;
  };
  const fences = new FenceClient({ tasks, chats: clients.get(ChatService) }, sessions, deps.logger, passFence);
  const sessionServiceDeps: SessionDeps = {
    ...deps,
    metrics: addSessionMetrics(deps.metrics),
    sessions,
    parties,
    fences,
    tasks,
    messages,
    succeeded: new LRUCache({ max: MAX_RECORDED_SUCCESSES }),
  };
  return sessionServiceDeps;
}

/** Sessions and the directory of accounts and shops. The only service that changes state and control of a session. */
export const sessionModule: Module = {
  name: 'session',
  provides: [SessionService, DirectoryService],
  uses: [TaskService, MessageService, ChatService],
  migrations: sessionMigrations,
  start: async (deps, clients) => {
    const sessionServiceDeps = sessionDeps(deps, clients);
    const loops = new AsyncDisposableStack();
    measureSessions(sessionServiceDeps);
    return {
      routes: sessionRoutes(sessionServiceDeps),
      eventHandlers: { taskChanged: onTaskChanged(sessionServiceDeps) },
      onReady: () => {
        loops.use(startSessionTimers(sessionServiceDeps));
        loops.use(startSessionPurge(sessionServiceDeps));
        loops.use(startAliasFolding(sessionServiceDeps));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
