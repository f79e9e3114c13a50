import type { TaskSpec } from '../../../gen/autosession/task/v1/task_pb.js';
import { currentTenant } from '../../lib/context.ts';
import { changeNewSession, changeSessions } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import { commandOfFence, type Fence, type Word, withdrawalReason } from '../domain/fence.ts';
import { newTask } from '../domain/new-task.ts';
import { openStatuses, type StoredTask } from '../domain/task.ts';
import type { TaskCommand } from '../domain/transitions.ts';
import type { SessionUnit } from '../store/session-unit.ts';
import { findEqualTask } from '../store/tasks.ts';

/** A task to store, and who may speak in its session as far as the caller knows. */
export interface NewTask {
  readonly spec: TaskSpec;
  readonly word: Pick<Word, 'status' | 'paused' | 'sessionName'>;
  /** For how long after its completion an equal task is given back instead; 0 for never. */
  readonly reuseSeconds: number;
}

const cause = { actor: 'system', reason: 'created' };

/** Stores a task and returns it, or the one that is stored by its id or equal to it. What the fence forbids is withdrawn. */
export function storeTask(deps: TaskDeps, { spec, word, reuseSeconds }: NewTask): Promise<StoredTask> {
  const tenant = currentTenant();
  const work = async (unit: SessionUnit) => {
    const task = newTask(spec, tenant, unit.now);
    const known = unit.fence(task.sessionId);
    const stored = known && ((await unit.lockTask(task.taskId)) ?? (await equalTask(unit, task, reuseSeconds)));
    if (stored) return stored;
    const said = { ...word, sessionId: task.sessionId, ownerEpoch: task.ownerEpoch };
    const fence = known ?? unit.addFence({ ...said, tasksFromEpoch: task.ownerEpoch });
    await unit.insert(task, cause);
    const command = firstCommand(fence, task, said);
    if (!command) return task;
    if (command === 'hold') return unit.apply(task, command, cause);
    const reason = withdrawalReason(fence);
    return unit.apply(task, command, { actor: 'system', reason }, { errorMessage: reason });
  };
  // a task that must not equal another one is its session's first
  if (reuseSeconds === 0) return changeNewSession(deps, 'create', spec.sessionId, work);
  return changeSessions(deps, 'create', [spec.sessionId], work);
}

async function equalTask(unit: SessionUnit, task: StoredTask, reuseSeconds: number): Promise<StoredTask | undefined> {
  if (reuseSeconds === 0) return undefined;
  return findEqualTask(unit.tx, task, openStatuses, unit.now - reuseSeconds * 1_000);
}

/** What the fence does to the task at once. Of a later epoch than the fence, the task's own word holds it too. */
function firstCommand(fence: Fence, task: StoredTask, said: Pick<Word, 'status' | 'paused'>): TaskCommand | undefined {
  const held = task.ownerEpoch > fence.ownerEpoch && (said.paused || said.status !== 'bot_active');
  return commandOfFence(fence, task) ?? (held ? 'hold' : undefined);
}
