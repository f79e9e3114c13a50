import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import {
  type CoveredPeriod,
  type Match,
  matchMessages,
  type ObservedMessage,
  provesUnsent,
} from '../domain/match-messages.ts';
import { decideAfterUnsentProof } from '../domain/retry.ts';
import type { StoredTask } from '../domain/task.ts';
import { findReceipts, linkReceipt } from '../store/receipts.ts';
import type { TaskTables } from '../store/tables.ts';
import { unknownTasks } from '../store/tasks.ts';
import { TaskConflictError, TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** New messages of an account in a shop's window, and the period that the window covers. */
export interface ObservedBatch {
  readonly accountKey: string;
  /** The shop's key, and those of shops that were merged into it. */
  readonly shopKeys: readonly string[];
  readonly messages: readonly ObservedMessage[];
  readonly window: CoveredPeriod;
}

const evidence = (reason: string) => ({ actor: 'evidence', reason });
const MAX_ATTEMPTS = 5;

/**
 * Matches the messages to receipts, completes the tasks that they prove sent, and requeues the unknown ones that the window
 * proves unsent. Without either there is no transaction.
 */
export async function matchReceipts(deps: TaskDeps, batch: ObservedBatch): Promise<Match[]> {
  for (let attempt = 1; ; attempt++) {
    const { matches, unsent } = await evaluateEvidence(deps, batch);
    const newMatches = matches.filter((match) => !match.alreadyLinked);
    if (newMatches.length === 0 && unsent.length === 0) return matches;
    try {
      await applyEvidence(deps, newMatches, unsent);
      return matches;
    } catch (error) {
      // a concurrent batch matched the receipts since they were read: evaluate again
      if (!(error instanceof ReceiptConflictError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

class ReceiptConflictError extends Error {}

async function evaluateEvidence(deps: TaskDeps, { accountKey, shopKeys, messages, window }: ObservedBatch) {
  const tenant = currentTenant();
  const parties = { tenant, accountKey, shopKeys };
  const mayProve = window.oldestAt !== undefined && window.newestAt !== undefined;
  const db = deps.db.autocommit<TaskTables>();
  const [receipts, unknown] = await Promise.all([
    messages.length > 0 ? findReceipts(db, parties, messages) : [],
    mayProve ? unknownTasks(db, parties) : [],
  ]);
  const matches = matchMessages(messages, receipts);
  const matched = new Set(matches.map((match) => match.receipt.taskId));
  const unsent = unknown.filter((task) => !matched.has(task.taskId) && provesUnsent(window, task));
  return { matches, unsent };
}

function applyEvidence(deps: TaskDeps, matches: readonly Match[], unsent: readonly StoredTask[]): Promise<void> {
  const sessionIds = [...matches.map((match) => match.receipt.sessionId), ...unsent.map((task) => task.sessionId)];
  const prefetch = (unit: TaskUnitOfWork) => linkReceipts(unit, deps, matches);
  const scope = { sessionIds: [...new Set(sessionIds)], prefetch };
  return TaskUnitOfWork.run(deps, 'explain', scope, async (unit, tasks) => {
    for (const task of tasks) await completeMatched(unit, task, matches);
    for (const task of unsent) await requeueUnsent(unit, task);
  });
}

/** Links receipts to their messages, and locks their tasks. Throws ReceiptConflictError when one is linked already. */
async function linkReceipts(unit: TaskUnitOfWork, deps: TaskDeps, matches: readonly Match[]): Promise<StoredTask[]> {
  const taskIds = [...new Set(matches.map(({ receipt }) => receipt.taskId))];
  try {
    const [tied, ...tasks] = await Promise.all([
      Promise.all(matches.map(({ receipt, message }) => linkReceipt(unit.tx, unit.tenant, receipt, message.messageId))),
      ...taskIds.map((taskId) => unit.lockTask(taskId)),
    ]);
    if (tied.every(Boolean)) return tasks.filter((task) => task !== undefined);
  } catch (error) {
    if (!deps.db.isDuplicateKey(error)) throw error;
  }
  throw new ReceiptConflictError();
}

async function completeMatched(unit: TaskUnitOfWork, task: StoredTask, matches: readonly Match[]): Promise<void> {
  if (task.status === 'completed') return;
  const matchedMessageId = matches.find(({ receipt }) => receipt.taskId === task.taskId)?.message.messageId;
  await unit.apply(task, 'complete', evidence('matched_message'), { matchedMessageId, errorMessage: '' });
}

/** The task may have changed since it was evaluated. */
async function requeueUnsent(unit: TaskUnitOfWork, judged: StoredTask): Promise<void> {
  const task = await unit.lockTask(judged.taskId);
  if (task?.status !== 'unknown' || task.fetchedFence !== judged.fetchedFence) return;
  if (task.leaseExpiresAt !== judged.leaseExpiresAt) throw new TaskConflictError();
  const { command, fields, reason } = decideAfterUnsentProof(task, unit.fence(task.sessionId), unit.now);
  await unit.apply(task, command, evidence(reason), fields);
}
