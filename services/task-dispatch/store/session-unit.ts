import type { MessageInitShape } from '@bufbuild/protobuf';
import { type EventSchema, Source, TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../lib/db/database.ts';
import { reserve } from '../../lib/db/open-transaction.ts';
import type { EventInit, Outbox } from '../../lib/outbox/outbox.ts';
import { type Fence, newFence, type Word } from '../domain/fence.ts';
import { move, type TaskFields } from '../domain/move.ts';
import { isFinished, type Status, type StoredTask } from '../domain/task.ts';
import { eventTask, statusMessage } from '../domain/task-message.ts';
import type { TaskCommand } from '../domain/transitions.ts';
import { insertFence, lockFences, updateFence } from './fences.ts';
import type { TaskTables } from './tables.ts';
import { insertTask, lockSessionTasks, lockTask, updateTask } from './tasks.ts';

/** Another writer was faster; the whole transaction is to be run again. */
export class Raced extends Error {}

/** Who did something to a task, and why. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
}

/** One thing that happened to a task. */
export interface TaskNews extends Cause {
  readonly task: StoredTask;
  /** The state before; undefined for a new task. */
  readonly before?: Status;
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
export class SessionUnit {
  readonly tx: Executor<TaskTables>;
  readonly tenant: string;
  readonly now: number;
  /** What happened, in order. */
  readonly news: TaskNews[] = [];
  /** What no event tells of: for the log alone. */
  readonly quiet: { task: StoredTask; command: TaskCommand; reason: string }[] = [];
  /** The tasks that wait to be claimed since, and those that do so no more. */
  readonly ready = new Map<string, StoredTask>();
  readonly withdrawn = new Set<string>();
  readonly #outbox: Outbox;
  readonly #fences = new Map<string, Fence>();
  readonly #added = new Set<string>();
  readonly #changed = new Set<string>();
  /** The versions of the tasks that this transaction holds. */
  readonly #held = new Map<string, number>();

  private constructor({ tx, tenant, now, outbox }: UnitOptions) {
    this.tx = tx;
    this.tenant = tenant;
    this.now = now;
    this.#outbox = outbox;
  }

  /** Locks the fences of the sessions. */
  static async open(options: UnitOptions, sessionIds: readonly string[]): Promise<SessionUnit> {
    return (await SessionUnit.openAsking(options, sessionIds, async () => {})).unit;
  }

  /** The same, and with that request whatever else `ask` asks for: it runs when the fences are locked. */
  static async openAsking<F>(
    options: UnitOptions,
    sessionIds: readonly string[],
    ask: (unit: SessionUnit) => Promise<F>,
  ): Promise<{ unit: SessionUnit; found: F }> {
    const unit = new SessionUnit(options);
    for (const sessionId of sessionIds) reserveSession(options.tenant, sessionId);
    const [fences, found] = await Promise.all([lockFences(options.tx, options.tenant, sessionIds), ask(unit)]);
    for (const fence of fences) unit.#fences.set(fence.sessionId, fence);
    return { unit, found };
  }

  /** Locks the fence of a task's session and then the task, in one request; no task when there is none of this id. */
  static async openTask(
    options: UnitOptions,
    { sessionId, taskId }: Pick<StoredTask, 'sessionId' | 'taskId'>,
  ): Promise<{ unit: SessionUnit; task?: StoredTask }> {
    const { unit, found } = await SessionUnit.openAsking(options, [sessionId], (unit) => unit.lockTask(taskId));
    return { unit, task: found };
  }

  /** For a task that is not there: nothing can be done in it. */
  static openNothing(options: UnitOptions): SessionUnit {
    return new SessionUnit(options);
  }

  /** For a session that is not known yet: that it is comes out as a duplicate key. */
  static openNew(options: UnitOptions, sessionId: string): SessionUnit {
    reserveSession(options.tenant, sessionId);
    return new SessionUnit(options);
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
  addFence(word: Word): Fence {
    const fence = newFence(this.tenant, word, this.now);
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
    return task && this.#hold(task);
  }

  async lockTasks(sessionId: string, statuses: readonly Status[]): Promise<StoredTask[]> {
    const tasks = await lockSessionTasks(this.tx, this.tenant, sessionId, statuses);
    for (const task of tasks) this.#hold(task);
    return tasks;
  }

  /** Stores a new, pending task. */
  async insert(task: StoredTask, cause: Cause): Promise<void> {
    await insertTask(this.tx, task);
    this.#hold(task);
    this.#count(task.sessionId, 1);
    this.ready.set(task.taskId, task);
    this.news.push({ ...cause, task, change: TaskChange.CREATED });
  }

  /** Carries a command out on a task that was locked here, and returns it as it is then. Throws INVALID_TASK_STATUS. */
  async apply(task: StoredTask, command: TaskCommand, cause: Cause, fields: TaskFields = {}): Promise<StoredTask> {
    const paused = this.#known(task.sessionId).paused;
    const { task: after, changes, tells } = move(task, command, { fields, paused, now: this.now });
    await this.#update(task, after, changes);
    this.#count(task.sessionId, Number(!isFinished(after.status)) - Number(!isFinished(task.status)));
    this.#noteReadiness(task, after);
    if (tells === undefined) this.quiet.push({ task: after, command, reason: cause.reason });
    else this.tell(after, tells, cause, task.status);
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
  tell(task: StoredTask, change: TaskChange, cause: Cause, before: Status = task.status): void {
    this.news.push({ ...cause, task, before, change });
  }

  /** Writes the fences and emits the events. The last thing before the commit. */
  async close(): Promise<void> {
    const events = this.news.map((news) => this.#event(news));
    for (const sessionId of this.#added) await insertFence(this.tx, this.#known(sessionId));
    for (const sessionId of this.#changed)
      if (!this.#added.has(sessionId)) await updateFence(this.tx, this.#known(sessionId));
    await this.#outbox.emit(this.tx, this.tenant, events);
  }

  /** Numbers the event in the session's fence. `othersOpen` is what is true at the end of the transaction. */
  #event({ task, before, change, actor, reason }: TaskNews): EventInit {
    const fence = this.#known(task.sessionId);
    fence.sourceSeq += 1;
    this.#changed.add(task.sessionId);
    const itself = this.#isOpenNow(task) ? 1 : 0;
    const value: MessageInitShape<typeof EventSchema>['payload'] = {
      case: 'taskChanged',
      value: {
        task: eventTask(task),
        change,
        previousStatus: before && statusMessage(before),
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
  #isOpenNow(task: StoredTask): boolean {
    const last = this.news.findLast((news) => news.task.taskId === task.taskId);
    return !isFinished((last?.task ?? task).status);
  }

  #hold(task: StoredTask): StoredTask {
    this.#held.set(task.taskId, task.version);
    return task;
  }

  /** Nobody asks the database whether it wrote: what is locked here cannot have changed. */
  async #update(before: StoredTask, after: StoredTask, changes: Partial<StoredTask>): Promise<void> {
    if (this.#held.get(before.taskId) !== before.version) throw new Error(`the task ${before.taskId} is not locked`);
    await updateTask(this.tx, before, changes);
    this.#hold(after);
  }

  #count(sessionId: string, difference: number): void {
    if (difference === 0) return;
    this.#known(sessionId).openTasks += difference;
    this.#changed.add(sessionId);
  }

  #noteReadiness(before: StoredTask, after: StoredTask): void {
    if (after.status === 'pending') {
      this.ready.set(after.taskId, after);
      this.withdrawn.delete(after.taskId);
    } else if (before.status === 'pending') {
      this.ready.delete(after.taskId);
      this.withdrawn.add(after.taskId);
    }
  }

  #known(sessionId: string): Fence {
    const fence = this.#fences.get(sessionId);
    if (!fence) throw new Error(`no fence of ${sessionId} is locked`);
    return fence;
  }
}

/** Its fence and its tasks, whatever is locked of them. */
function reserveSession(tenant: string, sessionId: string): void {
  reserve(`${tenant} ${sessionId}`);
}
