import type { MessageInitShape } from '@bufbuild/protobuf';
import { type EventSchema, Source, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { lockKey } from '../../lib/db/transaction-context.ts';
import type { EventInit, Outbox } from '../../lib/messaging/outbox/outbox.ts';
import { applyTransition, type TaskFields } from '../domain/apply-transition.ts';
import { type ControlUpdate, type Fence, newFence } from '../domain/fence.ts';
import { isFinished, type StoredTask, type TaskStatusName } from '../domain/task.ts';
import { eventTaskToProto, statusToProto } from '../domain/task-to-proto.ts';
import type { TaskCommand } from '../domain/transitions.ts';
import { insertFence, lockFences, updateFence } from '../store/fences.ts';
import type { TaskTables } from '../store/tables.ts';
import { insertTask, lockSessionTasks, lockTask, updateTask } from '../store/tasks.ts';

/** Another writer was faster; the whole transaction is to be run again. */
export class TaskConflictError extends Error {}

/** Who did something to a task, and why. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
}

/** One thing that happened to a task. */
export interface TaskEvent extends Cause {
  readonly task: StoredTask;
  /** The state before; undefined for a new task. */
  readonly before?: TaskStatusName;
  readonly change: TaskChange;
}

interface UnitOptions {
  readonly tx: Executor<TaskTables>;
  readonly tenant: string;
  readonly now: number;
  readonly outbox: Outbox;
}

/**
 * A transaction over the tasks of one or more sessions. It locks the sessions' fences before anything else, changes tasks
 * by the transition table only, and at the end writes the fences and emits the events, numbered in the fences.
 */
export class TaskUnitOfWork {
  readonly tx: Executor<TaskTables>;
  readonly tenant: string;
  readonly now: number;
  /** What happened, in order. */
  readonly events: TaskEvent[] = [];
  /** What no event tells of: for the log alone. */
  readonly silentChanges: { task: StoredTask; command: TaskCommand; reason: string }[] = [];
  /** The tasks that wait to be claimed since, and those that do so no more. */
  readonly becameReady = new Map<string, StoredTask>();
  readonly noLongerReady = new Set<string>();
  readonly #outbox: Outbox;
  readonly #fences = new Map<string, Fence>();
  readonly #added = new Set<string>();
  readonly #changed = new Set<string>();
  /** The versions of the tasks that this transaction holds. */
  readonly #lockedVersions = new Map<string, number>();

  private constructor({ tx, tenant, now, outbox }: UnitOptions) {
    this.tx = tx;
    this.tenant = tenant;
    this.now = now;
    this.#outbox = outbox;
  }

  /** Locks the fences of the sessions. */
  static async open(options: UnitOptions, sessionIds: readonly string[]): Promise<TaskUnitOfWork> {
    return (await TaskUnitOfWork.openWithPrefetch(options, sessionIds, async () => {})).unit;
  }

  /** The same, and with that request whatever else `ask` asks for: it runs when the fences are locked. */
  static async openWithPrefetch<F>(
    options: UnitOptions,
    sessionIds: readonly string[],
    prefetch: (unit: TaskUnitOfWork) => Promise<F>,
  ): Promise<{ unit: TaskUnitOfWork; found: F }> {
    const unit = new TaskUnitOfWork(options);
    for (const sessionId of sessionIds) lockSessionKey(options.tenant, sessionId);
    const [fences, found] = await Promise.all([lockFences(options.tx, options.tenant, sessionIds), prefetch(unit)]);
    for (const fence of fences) unit.#fences.set(fence.sessionId, fence);
    return { unit, found };
  }

  /** Locks the fence of a task's session and then the task, in one request; no task when there is none of this id. */
  static async openTask(
    options: UnitOptions,
    { sessionId, taskId }: Pick<StoredTask, 'sessionId' | 'taskId'>,
  ): Promise<{ unit: TaskUnitOfWork; task?: StoredTask }> {
    const { unit, found } = await TaskUnitOfWork.openWithPrefetch(options, [sessionId], (unit) =>
      unit.lockTask(taskId),
    );
    return { unit, task: found };
  }

  /** For a task that is not there: nothing can be done in it. */
  static openEmpty(options: UnitOptions): TaskUnitOfWork {
    return new TaskUnitOfWork(options);
  }

  /** For a session that is not known yet: that it is comes out as a duplicate key. */
  static openNew(options: UnitOptions, sessionId: string): TaskUnitOfWork {
    lockSessionKey(options.tenant, sessionId);
    return new TaskUnitOfWork(options);
  }

  /** What is known of who may speak; undefined for a session that was never heard of. */
  fence(sessionId: string): Fence | undefined {
    return this.#fences.get(sessionId);
  }

  /** The fences that are locked here. */
  fences(): Iterable<Fence> {
    return this.#fences.values();
  }

  /** Begins to keep a fence for a session that has none. */
  addFence(update: ControlUpdate): Fence {
    const fence = newFence(this.tenant, update, this.now);
    this.#fences.set(fence.sessionId, fence);
    this.#added.add(fence.sessionId);
    return fence;
  }

  /** Puts a raised fence in place of the stored one. */
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
    await insertTask(this.tx, task);
    this.#trackVersion(task);
    this.#count(task.sessionId, 1);
    this.becameReady.set(task.taskId, task);
    this.events.push({ ...cause, task, change: TaskChange.CREATED });
  }

  /** Carries a command out on a task that was locked here, and returns it as it is then. Throws INVALID_TASK_STATUS. */
  async apply(task: StoredTask, command: TaskCommand, cause: Cause, fields: TaskFields = {}): Promise<StoredTask> {
    const paused = this.#requireFence(task.sessionId).paused;
    const { task: after, changes, event } = applyTransition(task, command, { fields, paused, now: this.now });
    await this.#update(task, after, changes);
    this.#count(task.sessionId, Number(!isFinished(after.status)) - Number(!isFinished(task.status)));
    this.#trackReadiness(task, after);
    if (event === undefined) this.silentChanges.push({ task: after, command, reason: cause.reason });
    else this.emit(after, event, cause, task.status);
    return after;
  }

  /** Changes fields of a task that stays in its state. */
  async amend(task: StoredTask, fields: TaskFields): Promise<StoredTask> {
    const changes = { ...fields, updatedAt: this.now, version: task.version + 1 };
    const after = { ...task, ...changes };
    await this.#update(task, after, changes);
    return after;
  }

  /** Emits an event about a task. */
  emit(task: StoredTask, change: TaskChange, cause: Cause, before: TaskStatusName = task.status): void {
    this.events.push({ ...cause, task, before, change });
  }

  /** Writes the fences and emits the events. The last thing before the commit. */
  async close(): Promise<void> {
    const events = this.events.map((taskEvent) => this.#toEvent(taskEvent));
    for (const sessionId of this.#added) await insertFence(this.tx, this.#requireFence(sessionId));
    for (const sessionId of this.#changed)
      if (!this.#added.has(sessionId)) await updateFence(this.tx, this.#requireFence(sessionId));
    await this.#outbox.emit(this.tx, this.tenant, events);
  }

  /** Numbers the event in the session's fence. `othersOpen` is what is true at the end of the transaction. */
  #toEvent({ task, before, change, actor, reason }: TaskEvent): EventInit {
    const fence = this.#requireFence(task.sessionId);
    fence.sourceSeq += 1;
    this.#changed.add(task.sessionId);
    const itself = this.#isOpenAtEnd(task) ? 1 : 0;
    const value: MessageInitShape<typeof EventSchema>['payload'] = {
      case: 'taskChanged',
      value: {
        task: eventTaskToProto(task),
        change,
        previousStatus: before && statusToProto(before),
        reason,
        actor,
        othersOpen: fence.openTasks > itself,
      },
    };
    return {
      source: Source.TASK_DISPATCH,
      sessionId: task.sessionId,
      sourceSeq: fence.sourceSeq,
      sessionName: fence.sessionName,
      accountId: task.accountId,
      shopId: task.shopId,
      payload: value,
    };
  }

  /** A task that changed twice in this transaction is what its last change made of it. */
  #isOpenAtEnd(task: StoredTask): boolean {
    const last = this.events.findLast((taskEvent) => taskEvent.task.taskId === task.taskId);
    return !isFinished((last?.task ?? task).status);
  }

  #trackVersion(task: StoredTask): StoredTask {
    this.#lockedVersions.set(task.taskId, task.version);
    return task;
  }

  /** Nobody asks the database whether it wrote: what is locked here cannot have changed. */
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

  #trackReadiness(before: StoredTask, after: StoredTask): void {
    if (after.status === 'pending') {
      this.becameReady.set(after.taskId, after);
      this.noLongerReady.delete(after.taskId);
    } else if (before.status === 'pending') {
      this.becameReady.delete(after.taskId);
      this.noLongerReady.add(after.taskId);
    }
  }

  #requireFence(sessionId: string): Fence {
    const fence = this.#fences.get(sessionId);
    if (!fence) throw new Error(`no fence of ${sessionId} is locked`);
    return fence;
  }
}

/** Its fence and its tasks, whatever is locked of them. */
function lockSessionKey(tenant: string, sessionId: string): void {
  lockKey(`${tenant} ${sessionId}`);
}
