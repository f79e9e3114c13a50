import { Control, SessionState } from '../../gen/autosession/control/v1/control_pb.js';
import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { EventHandler } from '../lib/runtime/module.ts';
import { currentTenant } from '../lib/runtime/request-context.ts';
import { raiseSessionFence } from './commands/raise-fence.ts';
import { storeTask } from './commands/store-task.ts';
import { recentKey, type TaskDeps } from './deps.ts';
import { toControlName } from './domain/fence.ts';
import { HANDED_OVER, SESSION_CLOSED } from './domain/task.ts';
import { findFence } from './store/fences.ts';
import { findTask } from './store/tasks.ts';

/** Stores the first task of a new session in case the call that does so was lost. */
export const onSessionCreated =
  (deps: TaskDeps): EventHandler =>
  async ({ payload }) => {
    if (payload.case !== 'sessionCreated') return;
    const { session, task: spec } = payload.value;
    if (!session || !spec) return;
    if (await isStored(deps, spec.taskId)) return; // the call has stored it
    const control = {
      sessionName: session.sessionName,
      status: toControlName(session.status),
      paused: session.state === SessionState.PAUSED,
    };
    await storeTask(deps, { spec, control, reuseSeconds: 0 });
  };

/** Raises the fence in case the call that does so was lost. */
export const onSessionChanged =
  (deps: TaskDeps): EventHandler =>
  async ({ payload }) => {
    if (payload.case !== 'sessionChanged') return;
    const { session, tasksFromEpoch } = payload.value;
    if (!session || isChat(session)) return;
    if ((await epochOf(deps, session.sessionId)) >= session.ownerEpoch) return; // the call has raised it
    await raiseSessionFence(deps, {
      sessionId: session.sessionId,
      sessionName: session.sessionName,
      ownerEpoch: session.ownerEpoch,
      status: toControlName(session.status),
      paused: session.state === SessionState.PAUSED,
      agentId: session.assignedAgent?.agentId ?? '',
      tasksFromEpoch,
      cancelReason: session.status === Control.CLOSED ? SESSION_CLOSED : HANDED_OVER,
    });
  };

/** A chat session has no tasks, and its fence at message-analysis. */
function isChat({ userId }: Session): boolean {
  return userId !== '';
}

async function isStored({ db, recent }: TaskDeps, taskId: string): Promise<boolean> {
  const tenant = currentTenant();
  if (recent.sessions.get(recentKey(tenant, taskId))) return true;
  return (await findTask(db.autocommit(), tenant, taskId)) !== undefined;
}

/** An epoch that the fence of the session has reached; 0 without a fence. */
async function epochOf({ db, recent }: TaskDeps, sessionId: string): Promise<number> {
  const tenant = currentTenant();
  return (
    recent.epochs.get(recentKey(tenant, sessionId)) ??
    (await findFence(db.autocommit(), tenant, sessionId))?.ownerEpoch ??
    0
  );
}
