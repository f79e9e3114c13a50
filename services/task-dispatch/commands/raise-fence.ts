import type { TaskDeps } from '../deps.ts';
import { applyControlUpdate, type ControlUpdate, type Fence, fenceCommand } from '../domain/fence.ts';
import { openStatuses, type StoredTask, unsettledStatuses } from '../domain/task.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** The control of a session from an epoch on, and the reason for tasks that it withdraws. */
export interface FenceUpdate extends ControlUpdate {
  readonly cancelReason: string;
}

/** The epoch of the fence afterwards, and the tasks that may have been sent. */
export interface RaisedFence {
  readonly ownerEpoch: number;
  readonly possiblySent: readonly StoredTask[];
}

/** Raises the fence of a session, and withdraws, holds or releases its tasks. An older update changes nothing. */
export function raiseSessionFence(deps: TaskDeps, update: FenceUpdate): Promise<RaisedFence> {
  return TaskUnitOfWork.run(deps, 'raise-fence', { sessionIds: [update.sessionId] }, async (unit) => {
    const fence = unit.fence(update.sessionId);
    const next = fence ? applyControlUpdate(fence, update, unit.now) : unit.addFence(update);
    const tasks = fence ? await unit.lockTasks(update.sessionId, openStatuses) : [];
    if (next) {
      unit.setFence(next);
      await applyFenceToTasks(unit, next, tasks, update.cancelReason);
    }
    const possiblySent = tasks.filter((task) => unsettledStatuses.includes(task.status));
    return { ownerEpoch: (next ?? fence)?.ownerEpoch ?? update.ownerEpoch, possiblySent };
  });
}

async function applyFenceToTasks(
  unit: TaskUnitOfWork,
  fence: Fence,
  tasks: readonly StoredTask[],
  reason: string,
): Promise<void> {
  for (const task of tasks) {
    const command = fenceCommand(fence, task);
    if (!command) continue;
    const fields = command === 'hand_over' ? { errorMessage: reason } : {};
    await unit.apply(task, command, { actor: 'system', reason }, fields);
  }
}
