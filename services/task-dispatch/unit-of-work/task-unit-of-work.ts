import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { MAX_CONFLICT_ATTEMPTS, withConflictRetry } from '../../lib/db/conflict-retry.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { lockKey } from '../../lib/db/transaction-context.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { EventInit, Outbox } from '../../lib/messaging/outbox/outbox.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { recentKey, type TaskDeps } from '../deps.ts';
import { applyTransition, type TaskFields } from '../domain/apply-transition.ts';
import { type ControlUpdate, type Fence, newFence } from '../domain/fence.ts';
import { orderAgentTasks } from '../domain/order-agent-tasks.ts';
import { isAgentTask, isFinished, openStatuses, type StoredTask, type TaskStatusName } from '../domain/task.ts';
import type { TaskCommand } from '../domain/transitions.ts';
import { insertFence, lockFences, updateFence } from '../store/fences.ts';
import type { TaskTables } from '../store/tables.ts';
import { findTask, insertTask, lockSessionTasks, lockTask, updateTask } from '../store/tasks.ts';
import { afterCommit } from './after-commit.ts';
import { type Cause, TaskChanges, type TaskEvent, taskEventToProto } from './task-changes.ts';

/** A conflict with a concurrent writer: the whole transaction must run again. */
export class TaskConflictError extends Error {}

/** The sessions of a unit of work: their fences are locked before anything else. */
export interface SessionScope<P> {
  readonly sessionIds: readonly string[];
  /** Whether the sessions are likely new: the first attempt then locks no row, and a session that exists fails as a duplicate key. */
  readonly likelyNew?: boolean;
  /** What to read in the request that locks the fences. */
  readonly prefetch?: (unit: TaskUnitOfWork) => Promise<P>;
}

/** One task of a unit of work: it is locked with the fence of its session. */
export interface TaskScope {
  readonly taskId: string;
}

/**
 * A transaction over the tasks of one or more sessions. It locks the sessions' fences before anything else, changes tasks
 * by the transition table only, and at the end writes the fences and emits the events, numbered in the fences.
 */
export class TaskUnitOfWork {
  readonly tx: Executor<TaskTables>;
  readonly tenant: string;
  readonly now: number;
  readonly #outbox: Outbox;
  readonly #changes = new TaskChanges();
  readonly #fences = new Map<string, Fence>();
  readonly #added = new Set<string>();
  readonly #changed = new Set<string>();
  /** The sessions whose tasks of agents have to be put in order. */
  readonly #agentSessions = new Set<string>();
  /** The versions of the tasks that this transaction has locked. */
  readonly #lockedVersions = new Map<string, number>();

  private constructor(tx: Executor<TaskTables>, tenant: string, { clock, outbox }: Pick<TaskDeps, 'clock' | 'outbox'>) {
    this.tx = tx;
    this.tenant = tenant;
    this.now = clock.now();
    this.#outbox = outbox;
  }

  /**
   * Runs `work` in one transaction, and then updates log, metrics and queue. After a conflict with another writer (a stale
   * task, a duplicate key) everything is run again, so `work` must have no effect but its statements. `label` names the
   * failpoints. In a TaskScope the task is undefined when its id is unknown. Throws SERVICE_UNAVAILABLE after too many conflicts.
   */
  static run<R>(
    deps: TaskDeps,
    label: string,
    scope: TaskScope,
    work: (unit: TaskUnitOfWork, task: StoredTask | undefined) => Promise<R>,
  ): Promise<R>;
  static run<R, P = undefined>(
    deps: TaskDeps,
    label: string,
    scope: SessionScope<P>,
    work: (unit: TaskUnitOfWork, prefetched: P) => Promise<R>,
  ): Promise<R>;
  static async run<R, P>(
    deps: TaskDeps,
    label: string,
    scope: SessionScope<P> | TaskScope,
    work: (unit: TaskUnitOfWork, prefetched: P) => Promise<R>,
  ): Promise<R> {
    const sessions = 'taskId' in scope ? ((await scopeOfTask(deps, scope.taskId)) as SessionScope<P>) : scope;
    const tenant = currentTenant();
    const options = { maxAttempts: MAX_CONFLICT_ATTEMPTS.locked, isConflict: isTaskConflict, exhausted };
    const { unit, result } = await withConflictRetry(deps.db, options, (attempt) => {
      const runOnce = async (tx: Executor<TaskTables>) => {
        const unit = new TaskUnitOfWork(tx, tenant, deps);
        const result = await work(unit, (await unit.#open(sessions, attempt)) as P);
        await unit.#close();
        return { unit, result };
      };
      return deps.db.transaction(`task.${label}`, runOnce, { group: 'tasks' });
    });
    await afterCommit(deps, tenant, unit.#fences, unit.#changes);
    return result;
  }

  /** Locks the fences of the sessions, and prefetches in the same request. */
  async #open<P>({ sessionIds, likelyNew, prefetch }: SessionScope<P>, attempt: number): Promise<P | undefined> {
    for (const sessionId of sessionIds) lockSessionKey(this.tenant, sessionId);
    if (sessionIds.length === 0 || (likelyNew && attempt === 1)) return undefined;
    const [fences, prefetched] = await Promise.all([lockFences(this.tx, this.tenant, sessionIds), prefetch?.(this)]);
    for (const fence of fences) this.#fences.set(fence.sessionId, fence);
    return prefetched;
  }

  /** The locked fence of a session; undefined when it has none. */
  fence(sessionId: string): Fence | undefined {
    return this.#fences.get(sessionId);
  }

  /** Adds the fence of a session that has none. */
  addFence(update: ControlUpdate): Fence {
    const fence = newFence(this.tenant, update, this.now);
    this.#fences.set(fence.sessionId, fence);
    this.#added.add(fence.sessionId);
    return fence;
  }

  /** Replaces a fence by the raised one. */
  setFence(fence: Fence): void {
    this.#fences.set(fence.sessionId, fence);
    this.#changed.add(fence.sessionId);
  }

  async lockTask(taskId: string): Promise<StoredTask | undefined> {
    const task = await lockTask(this.tx, this.tenant, taskId);
    return task && this.#trackVersion(task);
  }

  async lockTasks(sessionId: string, statuses: readonly TaskStatusName[]): Promise<StoredTask[]> {
    const tasks = await lockSessionTasks(this.tx, this.tenant, sessionId, statuses);
    for (const task of tasks) this.#trackVersion(task);
    return tasks;
  }

  /** Stores a new, pending task. */
  async insert(task: StoredTask, cause: Cause): Promise<void> {
    if (isAgentTask(task)) {
      // the number of its event: the tasks of a session are created one after the other
      task.messageOrder = this.#requireFence(task.sessionId).sourceSeq + 1;
      this.orderAgentTasks(task.sessionId);
    }
    await insertTask(this.tx, task);
    this.#trackVersion(task);
    this.#count(task.sessionId, 1);
    this.#changes.trackReadiness(undefined, task);
    this.#changes.events.push({ ...cause, task, change: TaskChange.CREATED });
  }

  /** Applies a command to a task that this unit has locked, and returns it afterwards. Throws INVALID_TASK_STATUS. */
  async apply(task: StoredTask, command: TaskCommand, cause: Cause, fields: TaskFields = {}): Promise<StoredTask> {
    const paused = this.#requireFence(task.sessionId).paused;
    const { task: after, changes, event } = applyTransition(task, command, { fields, paused, now: this.now });
    await this.#update(task, after, changes);
    if (isAgentTask(task)) this.orderAgentTasks(task.sessionId);
    this.#count(task.sessionId, Number(!isFinished(after.status)) - Number(!isFinished(task.status)));
    this.#changes.trackReadiness(task, after);
    if (event === undefined) this.#changes.silent.push({ task: after, command, reason: cause.reason });
    else this.emit(after, event, cause, task.status);
    return after;
  }

  /** Changes fields of a task without a change of state. */
  async amend(task: StoredTask, fields: TaskFields): Promise<StoredTask> {
    const changes = { ...fields, updatedAt: this.now, version: task.version + 1 };
    const after = { ...task, ...changes };
    await this.#update(task, after, changes);
    return after;
  }

  /** Emits an event about a task. */
  emit(task: StoredTask, change: TaskChange, cause: Cause, before: TaskStatusName = task.status): void {
    this.#changes.events.push({ ...cause, task, before, change });
  }

  /** At the end of this unit, the open tasks of agents in the session are put in order. Changes of such tasks call it by themselves. */
  orderAgentTasks(sessionId: string): void {
    this.#agentSessions.add(sessionId);
  }

  async #applyOrder(sessionId: string): Promise<void> {
    const tasks = (await this.lockTasks(sessionId, openStatuses)).filter(isAgentTask);
    const cause = { actor: 'system', reason: 'in_order' };
    for (const { task, command } of orderAgentTasks(tasks, this.#requireFence(sessionId)))
      await this.apply(task, command, cause);
  }

  /** Writes the fences and emits the events. The last thing before the commit. */
  async #close(): Promise<void> {
    for (const sessionId of [...this.#agentSessions]) await this.#applyOrder(sessionId);
    const events = this.#changes.events.map((taskEvent) => this.#toEvent(taskEvent));
    for (const sessionId of this.#added) await insertFence(this.tx, this.#requireFence(sessionId));
    for (const sessionId of this.#changed)
      if (!this.#added.has(sessionId)) await updateFence(this.tx, this.#requireFence(sessionId));
    await this.#outbox.emit(this.tx, this.tenant, events);
  }

  /** Numbers the event in the session's fence. `othersOpen` is what is true at the end of the transaction. */
  #toEvent(event: TaskEvent): EventInit {
    const fence = this.#requireFence(event.task.sessionId);
    fence.sourceSeq += 1;
    this.#changed.add(fence.sessionId);
    const othersOpen = fence.openTasks > Number(this.#changes.isOpenAtEnd(event.task));
    return taskEventToProto(event, fence, othersOpen);
  }

  #trackVersion(task: StoredTask): StoredTask {
    this.#lockedVersions.set(task.taskId, task.version);
    return task;
  }

  /** The row count is not checked: a locked task cannot have changed. */
  async #update(before: StoredTask, after: StoredTask, changes: Partial<StoredTask>): Promise<void> {
    if (this.#lockedVersions.get(before.taskId) !== before.version)
      throw new Error(`the task ${before.taskId} is not locked`);
    await updateTask(this.tx, before, changes);
    this.#trackVersion(after);
  }

  #count(sessionId: string, difference: number): void {
    if (difference === 0) return;
    this.#requireFence(sessionId).openTasks += difference;
    this.#changed.add(sessionId);
  }

  #requireFence(sessionId: string): Fence {
    const fence = this.#fences.get(sessionId);
    if (!fence) throw new Error(`no fence of ${sessionId} is locked`);
    return fence;
  }
}

function isTaskConflict(error: unknown): boolean {
  return error instanceof TaskConflictError;
}

function exhausted(lastError: unknown): Error {
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'too many concurrent writers; repeat the request', {}, lastError);
}

/** Locks the session in this process: its fence and its tasks, with or without rows. */
function lockSessionKey(tenant: string, sessionId: string): void {
  lockKey(`${tenant} ${sessionId}`);
}

/** The session of the task, and the lock of the task itself; no session when the id is unknown. */
async function scopeOfTask(deps: TaskDeps, taskId: string): Promise<SessionScope<StoredTask | undefined>> {
  const tenant = currentTenant();
  const sessionId =
    deps.recent.sessions.get(recentKey(tenant, taskId)) ??
    (await findTask(deps.db.autocommit(), tenant, taskId))?.sessionId;
  return { sessionIds: sessionId ? [sessionId] : [], prefetch: (unit) => unit.lockTask(taskId) };
}
