import type { TaskSpec } from '../../../gen/autosession/task/v1/task_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { type ControlUpdate, type Fence, fenceCommand, withdrawalReason } from '../domain/fence.ts';
import { newTask } from '../domain/new-task.ts';
import { isAgentTask, MAX_UNSENT, openStatuses, type StoredTask, unsentStatuses } from '../domain/task.ts';
import { handedOver, tooManyUnsent } from '../domain/task-errors.ts';
import type { TaskCommand } from '../domain/transitions.ts';
import { findEqualTask } from '../store/tasks.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** A task to store, and the control of its session as the client knows it. */
export interface StoreTaskRequest {
  readonly spec: TaskSpec;
  readonly control: Pick<ControlUpdate, 'status' | 'paused' | 'sessionName'>;
  /** For this long after its completion an equal task is returned instead; 0 for never. */
  readonly reuseSeconds: number;
}

const cause = { actor: 'system', reason: 'created' };

/**
 * Stores a task, or returns the stored one with its id or an equal one. A bot's task that the fence does not allow is withdrawn; an
 * agent's is not stored, nor is one without a fence: every takeover raises it. Throws HANDED_OVER and RATE_LIMITED, for an agent's
 * task only.
 */
export function storeTask(deps: TaskDeps, { spec, control, reuseSeconds }: StoreTaskRequest): Promise<StoredTask> {
  const tenant = currentTenant();
  const work = async (unit: TaskUnitOfWork) => {
    const task = newTask(spec, tenant, unit.now);
    const existingFence = unit.fence(task.sessionId);
    const stored = existingFence && ((await unit.lockTask(task.taskId)) ?? (await equalTask(unit, task, reuseSeconds)));
    if (stored) return stored;
    if (isAgentTask(task) && !existingFence) throw handedOver(undefined, task);
    const update = { ...control, agentId: task.agentId, sessionId: task.sessionId, ownerEpoch: task.ownerEpoch };
    const fence = existingFence ?? unit.addFence({ ...update, tasksFromEpoch: task.ownerEpoch });
    const command = initialCommand(fence, task, update);
    if (isAgentTask(task) && command === 'hand_over') throw handedOver(fence, task);
    if (isAgentTask(task)) await assertFewWait(unit, task);
    await unit.insert(task, cause);
    if (!command) return task;
    if (command === 'hold') return unit.apply(task, command, cause);
    const reason = withdrawalReason(fence);
    return unit.apply(task, command, { actor: 'system', reason }, { errorMessage: reason });
  };
  // a bot's task that is not compared with others is the first one of its session
  const scope = { sessionIds: [spec.sessionId], likelyNew: reuseSeconds === 0 && !isAgentTask(spec) };
  return TaskUnitOfWork.run(deps, 'create', scope, work);
}

/** Every change of an agent's task reads the others of its session that are not finished, and a release lists them. */
async function assertFewWait(unit: TaskUnitOfWork, { sessionId }: StoredTask): Promise<void> {
  const unsent = (await unit.lockTasks(sessionId, unsentStatuses)).filter(isAgentTask);
  if (unsent.length >= MAX_UNSENT) throw tooManyUnsent(sessionId);
}

async function equalTask(
  unit: TaskUnitOfWork,
  task: StoredTask,
  reuseSeconds: number,
): Promise<StoredTask | undefined> {
  if (reuseSeconds === 0) return undefined;
  return findEqualTask(unit.tx, task, openStatuses, unit.now - reuseSeconds * 1_000);
}

/** The command of the fence on the new task. The request's own control applies to a task of a later epoch than the fence's. */
function initialCommand(
  fence: Fence,
  task: StoredTask,
  update: Pick<ControlUpdate, 'status' | 'paused'>,
): TaskCommand | undefined {
  const author = isAgentTask(task) ? 'manual_live' : 'bot_active';
  const held = task.ownerEpoch > fence.ownerEpoch && (update.paused || update.status !== author);
  return fenceCommand(fence, task) ?? (held ? 'hold' : undefined);
}
