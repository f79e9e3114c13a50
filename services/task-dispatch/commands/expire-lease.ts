import { changeSessions } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import type { SessionUnit } from '../store/session-unit.ts';
import type { TaskRef } from '../store/sweeps.ts';

/** After this many leases that ran out unfetched a task is poison. */
const MOST_LOST_LEASES = 10;
const cause = { actor: 'system', reason: 'lease_expired' };

/** Ends a lease that has run out: unfetched, the task is claimable again; fetched, it is unknown. */
export function expireLease(deps: TaskDeps, { taskId, sessionId }: Omit<TaskRef, 'tenant'>): Promise<void> {
  return changeSessions(deps, 'expire-lease', [sessionId], async (unit) => {
    const task = await unit.lockTask(taskId);
    if (!task || (task.leaseExpiresAt ?? Number.POSITIVE_INFINITY) > unit.now) return;
    if (task.status === 'sent') await unit.apply(task, 'lose_track', cause, { unknownAt: unit.now });
    if (task.status === 'leased') await loseLease(unit, task);
  });
}

async function loseLease(unit: SessionUnit, task: StoredTask): Promise<void> {
  const lostLeases = task.lostLeases + 1;
  if (lostLeases < MOST_LOST_LEASES) await unit.apply(task, 'lose_lease', cause, { lostLeases });
  else await unit.apply(task, 'kill', cause, { lostLeases, errorMessage: 'lease_expired' });
}
