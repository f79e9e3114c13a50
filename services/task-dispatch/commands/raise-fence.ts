import type { TaskDeps } from '../deps.ts';
import { applyControlUpdate, type ControlUpdate, type Fence, fenceCommand } from '../domain/fence.ts';
import { isAgentTask, openStatuses, type StoredTask, unsettledStatuses } from '../domain/task.ts';
import { findUnsentAgentTasks } from '../store/tasks.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** The control of a session from an epoch on, and the reason for tasks that it withdraws. */
export interface FenceUpdate extends ControlUpdate {
  readonly cancelReason: string;
}

/** The epoch of the fence afterwards, and the tasks that may have been sent. */
export interface RaisedFence {
  readonly ownerEpoch: number;
  readonly possiblySent: readonly StoredTask[];
  /** The agents' tasks that ended unfetched with the control of their agent, as the update knows it; in their order. */
  readonly unsent: readonly StoredTask[];
}

/** Raises the fence of a session, and withdraws, holds or releases its tasks. An older update changes nothing. */
export function raiseSessionFence(deps: TaskDeps, update: FenceUpdate): Promise<RaisedFence> {
  return TaskUnitOfWork.run(deps, 'raise-fence', { sessionIds: [update.sessionId] }, async (unit) => {
    const fence = unit.fence(update.sessionId);
    const next = fence ? applyControlUpdate(fence, update, unit.now) : unit.addFence(update);
    const tasks = fence ? await unit.lockTasks(update.sessionId, openStatuses) : [];
    if (next) unit.setFence(next);
    const withdrawnBefore = await findWithdrawnBefore(unit, update, next !== undefined);
    const withdrawn = next ? await applyFenceToTasks(unit, next, tasks, update.cancelReason) : [];
    const possiblySent = tasks.filter((task) => unsettledStatuses.includes(task.status));
    const ownerEpoch = (next ?? fence)?.ownerEpoch ?? update.ownerEpoch;
    return { ownerEpoch, possiblySent, unsent: [...withdrawnBefore, ...withdrawn].sort(byMessageOrder) };
  });
}

/**
 * The agents' tasks that an earlier raise has withdrawn since the change of control that the update knows as the last one: the event of the
 * session, or a later change of it, may have raised the fence first.
 */
async function findWithdrawnBefore(
  { tx, tenant }: TaskUnitOfWork,
  { sessionId, ownerEpoch, tasksFromEpoch }: FenceUpdate,
  raises: boolean,
): Promise<StoredTask[]> {
  if (raises && tasksFromEpoch >= ownerEpoch) return []; // the fence has not been at that change yet
  return findUnsentAgentTasks(tx, { tenant, sessionId, tasksFromEpoch });
}

const byMessageOrder = (a: StoredTask, b: StoredTask) => a.messageOrder - b.messageOrder;

/** Returns the agents' tasks that were withdrawn. */
async function applyFenceToTasks(
  unit: TaskUnitOfWork,
  fence: Fence,
  tasks: readonly StoredTask[],
  reason: string,
): Promise<StoredTask[]> {
  const withdrawn: StoredTask[] = [];
  for (const task of tasks) {
    const command = fenceCommand(fence, task);
    if (isAgentTask(task)) unit.orderAgentTasks(task.sessionId);
    if (!command) continue;
    const withdrawnEpoch = isAgentTask(task) ? fence.ownerEpoch : task.withdrawnEpoch;
    const fields = command === 'hand_over' ? { errorMessage: reason, withdrawnEpoch } : {};
    const after = await unit.apply(task, command, { actor: 'system', reason }, fields);
    if (command === 'hand_over' && isAgentTask(task)) withdrawn.push(after);
  }
  return withdrawn;
}
