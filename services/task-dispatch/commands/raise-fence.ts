import { changeSessions } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import { commandOfFence, type Fence, raised, type Word } from '../domain/fence.ts';
import { openStatuses, type StoredTask, unsettledStatuses } from '../domain/task.ts';
import type { SessionUnit } from '../store/session-unit.ts';

/** Who may speak from an epoch on, and what the tasks that are withdrawn by it are marked with. */
export interface NewWord extends Word {
  readonly cancelReason: string;
}

/** What the fence holds afterwards, and the tasks whose content is out. */
export interface Raised {
  readonly ownerEpoch: number;
  readonly possiblySent: readonly StoredTask[];
}

/** Raises a session's fence and lets its tasks follow. A word that is not newer changes nothing. */
export function raiseFence(deps: TaskDeps, word: NewWord): Promise<Raised> {
  return changeSessions(deps, 'raise-fence', [word.sessionId], async (unit) => {
    const fence = unit.fence(word.sessionId);
    const next = fence ? raised(fence, word, unit.now) : unit.addFence(word);
    const tasks = fence ? await unit.lockTasks(word.sessionId, openStatuses) : [];
    if (next) {
      unit.setFence(next);
      await follow(unit, next, tasks, word.cancelReason);
    }
    const possiblySent = tasks.filter((task) => unsettledStatuses.includes(task.status));
    return { ownerEpoch: (next ?? fence)?.ownerEpoch ?? word.ownerEpoch, possiblySent };
  });
}

async function follow(unit: SessionUnit, fence: Fence, tasks: readonly StoredTask[], reason: string): Promise<void> {
  for (const task of tasks) {
    const command = commandOfFence(fence, task);
    if (!command) continue;
    const fields = command === 'hand_over' ? { errorMessage: reason } : {};
    await unit.apply(task, command, { actor: 'system', reason }, fields);
  }
}
