import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import type { TaskRef } from '../store/sweeps.ts';
import { inTaskTransaction } from '../unit-of-work/task-transaction.ts';
import type { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** After this many leases that ran out unfetched a task is poison. */
const MAX_LOST_LEASES = 10;
const cause = { actor: 'system', reason: 'lease_expired' };

/** Ends a lease that has run out: unfetched, the task is claimable again; fetched, it is unknown. */
export function expireLease(deps: TaskDeps, { taskId, sessionId }: Omit<TaskRef, 'tenant'>): Promise<void> {
  return inTaskTransaction(deps, 'expire-lease', [sessionId], async (unit) => {
    const task = await unit.lockTask(taskId);
    if (!task || (task.leaseExpiresAt ?? Number.POSITIVE_INFINITY) > unit.now) return;
    if (task.status === 'sent') await unit.apply(task, 'lose_track', cause, { unknownAt: unit.now });
    if (task.status === 'leased') await countLostLease(unit, task);
  });
}

async function countLostLease(unit: TaskUnitOfWork, task: StoredTask): Promise<void> {
  const lostLeases = task.lostLeases + 1;
  if (lostLeases < MAX_LOST_LEASES) await unit.apply(task, 'lose_lease', cause, { lostLeases });
  else await unit.apply(task, 'kill', cause, { lostLeases, errorMessage: 'lease_expired' });
}
