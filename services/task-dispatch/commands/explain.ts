import { currentTenant } from '../../lib/context.ts';
import { changeSessionsAsking } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import { type Match, matchMessages, provesUnsent, type Said, type Window } from '../domain/match.ts';
import { afterProof } from '../domain/retry.ts';
import type { StoredTask } from '../domain/task.ts';
import { findReceipts, matchReceipt } from '../store/receipts.ts';
import { Raced, type SessionUnit } from '../store/session-unit.ts';
import type { TaskTables } from '../store/tables.ts';
import { unknownTasks } from '../store/tasks.ts';

/** New messages of an account in a shop's window, and the time that the window shows. */
export interface Batch {
  readonly accountKey: string;
  /** The shop's key, and those of shops that were merged into it. */
  readonly shopKeys: readonly string[];
  readonly messages: readonly Said[];
  readonly window: Window;
}

const evidence = (reason: string) => ({ actor: 'evidence', reason });
const ATTEMPTS = 5;

/**
 * Matches the messages to receipts, completes the tasks that they prove sent, and requeues the unknown ones that the window
 * proves unsent. Nothing to match and nothing to prove costs no transaction.
 */
export async function explain(deps: TaskDeps, batch: Batch): Promise<Match[]> {
  for (let attempt = 1; ; attempt++) {
    const { matches, unsent } = await judge(deps, batch);
    const fresh = matches.filter((match) => !match.remembered);
    if (fresh.length === 0 && unsent.length === 0) return matches;
    try {
      await settle(deps, fresh, unsent);
      return matches;
    } catch (error) {
      // the receipts were matched by somebody else since they were read: judge again
      if (!(error instanceof Stale) || attempt === ATTEMPTS) throw error;
    }
  }
}

class Stale extends Error {}

async function judge(deps: TaskDeps, { accountKey, shopKeys, messages, window }: Batch) {
  const tenant = currentTenant();
  const parties = { tenant, accountKey, shopKeys };
  const mayProve = window.oldestAt !== undefined && window.newestAt !== undefined;
  const db = deps.db.of<TaskTables>();
  const [receipts, unknown] = await Promise.all([
    messages.length > 0 ? findReceipts(db, parties, messages) : [],
    mayProve ? unknownTasks(db, parties) : [],
  ]);
  const matches = matchMessages(messages, receipts);
  const matched = new Set(matches.map((match) => match.receipt.taskId));
  const unsent = unknown.filter((task) => !matched.has(task.taskId) && provesUnsent(window, task));
  return { matches, unsent };
}

function settle(deps: TaskDeps, matches: readonly Match[], unsent: readonly StoredTask[]): Promise<void> {
  const sessionIds = [...matches.map((match) => match.receipt.sessionId), ...unsent.map((task) => task.sessionId)];
  const tied = (unit: SessionUnit) => tie(unit, deps, matches);
  return changeSessionsAsking(deps, 'explain', [...new Set(sessionIds)], tied, async (unit, tasks) => {
    for (const task of tasks) await remember(unit, task, matches);
    for (const task of unsent) await requeueUnsent(unit, task);
  });
}

/** Ties receipts to their messages, and locks their tasks. Throws Stale when one is tied already. */
async function tie(unit: SessionUnit, deps: TaskDeps, matches: readonly Match[]): Promise<StoredTask[]> {
  const taskIds = [...new Set(matches.map(({ receipt }) => receipt.taskId))];
  try {
    const [tied, ...tasks] = await Promise.all([
      Promise.all(
        matches.map(({ receipt, message }) => matchReceipt(unit.tx, unit.tenant, receipt, message.messageId)),
      ),
      ...taskIds.map((taskId) => unit.lockTask(taskId)),
    ]);
    if (tied.every(Boolean)) return tasks.filter((task) => task !== undefined);
  } catch (error) {
    if (!deps.db.isDuplicateKey(error)) throw error;
  }
  throw new Stale();
}

/** What a message proves sent is completed. */
async function remember(unit: SessionUnit, task: StoredTask, matches: readonly Match[]): Promise<void> {
  if (task.status === 'completed') return;
  const matchedMessageId = matches.find(({ receipt }) => receipt.taskId === task.taskId)?.message.messageId;
  await unit.apply(task, 'complete', evidence('matched_message'), { matchedMessageId, errorMessage: '' });
}

/** What was unknown when it was judged may be settled by now. */
async function requeueUnsent(unit: SessionUnit, judged: StoredTask): Promise<void> {
  const task = await unit.lockTask(judged.taskId);
  if (task?.status !== 'unknown' || task.fetchedFence !== judged.fetchedFence) return;
  if (task.leaseExpiresAt !== judged.leaseExpiresAt) throw new Raced();
  const { command, fields, reason } = afterProof(task, unit.fence(task.sessionId), unit.now);
  await unit.apply(task, command, evidence(reason), fields);
}
