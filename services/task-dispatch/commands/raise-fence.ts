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
  /** The agents' tasks that the change to this epoch has withdrawn before they were fetched. */
  readonly unsent: readonly StoredTask[];
}

/** Raises the fence of a session, and withdraws, holds or releases its tasks. An older update changes nothing. */
export function raiseSessionFence(deps: TaskDeps, update: FenceUpdate): Promise<RaisedFence> {
  return TaskUnitOfWork.run(deps, 'raise-fence', { sessionIds: [update.sessionId] }, async (unit) => {
    const key = { tenant: unit.tenant, sessionId: update.sessionId };
    const fence = unit.fence(update.sessionId);
    const next = fence ? applyControlUpdate(fence, update, unit.now) : unit.addFence(update);
    const tasks = fence ? await unit.lockTasks(update.sessionId, openStatuses) : [];
    if (next) unit.setFence(next);
    const withdrawn = next ? await applyFenceToTasks(unit, next, tasks, update.cancelReason) : [];
    const possiblySent = tasks.filter((task) => unsettledStatuses.includes(task.status));
    const ownerEpoch = (next ?? fence)?.ownerEpoch ?? update.ownerEpoch;
    // a fence that the session's event has raised first has withdrawn them already
    const unsent = next ? withdrawn : await findUnsentAgentTasks(unit.tx, { ...key, epoch: ownerEpoch });
    return { ownerEpoch, possiblySent, unsent };
  });
}

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
  return withdrawn.sort((a, b) => a.messageOrder - b.messageOrder);
}
