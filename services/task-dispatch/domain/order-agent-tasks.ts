import { type Fence, sendPermission } from './fence.ts';
import type { StoredTask } from './task.ts';

/** A command that keeps an agent's tasks in order. */
export interface OrderStep {
  readonly task: StoredTask;
  readonly command: 'hold' | 'unhold';
}

/**
 * What keeps the words of an agent in order: of the open tasks of one session by agents at most one waits in the queue, is leased or
 * is fetched; the others are held. The next one is released when that one ends, or its lease ran out after the fetch.
 */
export function orderAgentTasks(tasks: readonly StoredTask[], fence: Fence): OrderStep[] {
  const inOrder = tasks.toSorted((a, b) => a.messageOrder - b.messageOrder);
  const isOut = ({ status }: StoredTask) => status === 'leased' || status === 'fetched';
  const isWaiting = ({ status }: StoredTask) => status === 'pending' || status === 'held';
  const waiting = inOrder.filter(isWaiting);
  const next = inOrder.some(isOut) ? undefined : waiting.find((task) => sendPermission(fence, task) === 'yes');
  return waiting.flatMap((task): OrderStep[] => {
    if (task === next) return task.status === 'held' ? [{ task, command: 'unhold' }] : [];
    return task.status === 'pending' ? [{ task, command: 'hold' }] : [];
  });
}
