import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import type { TaskRef } from '../store/sweeps.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** After this many leases without a fetch a task is a dead letter. */
const MAX_LOST_LEASES = 10;
const cause = { actor: 'system', reason: 'lease_expired' };

/** Ends an expired lease: an unfetched task is pending again, a fetched one is unknown. */
export function expireLease(deps: TaskDeps, { taskId, sessionId }: Omit<TaskRef, 'tenant'>): Promise<void> {
  return TaskUnitOfWork.run(deps, 'expire-lease', { sessionIds: [sessionId] }, async (unit) => {
    const task = await unit.lockTask(taskId);
    if (!task || (task.leaseExpiresAt ?? Number.POSITIVE_INFINITY) > unit.now) return;
    if (task.status === 'fetched') await unit.apply(task, 'mark_unknown', cause, { unknownAt: unit.now });
    if (task.status === 'leased') await countLostLease(unit, task);
  });
}

async function countLostLease(unit: TaskUnitOfWork, task: StoredTask): Promise<void> {
  const lostLeases = task.lostLeases + 1;
  if (lostLeases < MAX_LOST_LEASES) await unit.apply(task, 'expire_lease', cause, { lostLeases });
  else await unit.apply(task, 'dead_letter', cause, { lostLeases, errorMessage: 'lease_expired' });
}
