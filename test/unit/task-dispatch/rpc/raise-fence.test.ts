import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import { TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { unique } from '../../../support/factories.ts';
import { errorReasonName } from '../../../support/task-dispatch/error-reason-name.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  taskActions,
  taskSpec,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

describe.each(databaseNames)('the fence on %s', (database) => {
  it('lets no fetch that starts after a takeover succeed, and lists every one before it', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, claim, fetch, raise } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    const specs = await Promise.all(Array.from({ length: 300 }, () => store({ accountId })));
    const takenOver = new Set<string>();
    const fetched = new Map<string, string>();
    const listed = new Map<string, string[]>();
    const late: string[] = [];
    const send = async () => {
      for (let lease = await claim(accountId); lease.taskId; lease = await claim(accountId)) {
        const startedAfter = takenOver.has(lease.sessionId);
        const info = await fetch(lease.taskId, lease.leaseToken).catch((error) => {
          if (!(error instanceof ConnectError) || error.code !== Code.FailedPrecondition) throw error;
        });
        if (info && startedAfter) late.push(lease.taskId);
        if (info) fetched.set(lease.sessionId, lease.taskId);
      }
    };
    // from the other end, so that both make progress before they meet
    const takeOver = async (from: number) => {
      for (let i = specs.length - 1 - from; i >= 0; i -= 4) {
        const sessionId = specs[i]?.sessionId ?? '';
        const { possiblySent } = await raise(sessionId, 2);
        takenOver.add(sessionId);
        listed.set(
          sessionId,
          possiblySent.map((task) => task.taskId),
        );
      }
    };
    await Promise.all([send(), send(), send(), send(), takeOver(0), takeOver(1), takeOver(2), takeOver(3)]);
    expect(late).toEqual([]);
    for (const { sessionId } of specs)
      expect(listed.get(sessionId)).toEqual(fetched.has(sessionId) ? [fetched.get(sessionId)] : []);
    expect(fetched.size).toBeGreaterThan(0);
    expect(fetched.size).toBeLessThan(specs.length);
  });

  it('numbers the events of a session without gaps under concurrency', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store } = taskActions(testHarness);
    const { sessionId } = await store();
    await Promise.all(Array.from({ length: 12 }, () => store({ sessionId })));
    const { tasks, sourceSeq } = await testHarness.tasks.getSessionTasks({ sessionId });
    expect([tasks.length, sourceSeq, (await testHarness.events(sessionId)).length]).toEqual([13, 13, 13]);
  });
});

describe('the fence', () => {
  it('cancels tasks that were not fetched, lists those that were, and emits events', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, sent, raise, status, claim } = taskActions(testHarness);
    const out = await sent();
    const { sessionId, accountId } = out;
    const leased = await store({ sessionId, accountId });
    await claim(accountId);
    const pending = await store({ sessionId, accountId });
    const { possiblySent, ownerEpoch } = await raise(sessionId, 2);
    expect(ownerEpoch).toBe(2);
    expect(possiblySent).toMatchObject([
      { taskId: out.taskId, taskStatus: TaskStatus.FETCHED, sendContent: out.sendContent },
    ]);
    expect([await status(out.taskId), await status(leased.taskId), await status(pending.taskId)]).toEqual([
      'fetched',
      'cancelled',
      'cancelled',
    ]);
    const cancelled = (await testHarness.events(sessionId)).filter((news) => news.change === TaskChange.CANCELLED);
    expect(cancelled).toHaveLength(2);
    for (const news of cancelled) {
      expect(news).toMatchObject({ reason: 'handed_over', actor: 'system', othersOpen: true });
      expect(news.task?.sendContent).toBe('');
    }
  });

  it('answers an older or equal epoch with its own, and changes nothing', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, raise, row } = taskActions(testHarness);
    const { sessionId, taskId } = await store();
    await raise(sessionId, 5, { status: Control.BOT_ACTIVE, tasksFromEpoch: 1 });
    expect((await raise(sessionId, 4)).ownerEpoch).toBe(5);
    expect((await raise(sessionId, 5)).ownerEpoch).toBe(5);
    expect(await row(taskId)).toMatchObject({ status: 'pending', version: 1 });
  });

  it('refuses the content after a takeover, a close and a release', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, fetch, raise } = taskActions(testHarness);
    const { sessionId, taskId, token } = await sent();
    expect((await fetch(taskId, token)).attempt).toBe(1);
    await raise(sessionId, 2);
    expect(await errorReasonName(fetch(taskId, token))).toBe('HANDED_OVER');
    await raise(sessionId, 3, { status: Control.BOT_ACTIVE });
    expect(await errorReasonName(fetch(taskId, token))).toBe('HANDED_OVER');
    await raise(sessionId, 4, { status: Control.CLOSED, cancelReason: 'session_closed' });
    expect(await errorReasonName(fetch(taskId, token))).toBe('HANDED_OVER');
  });

  it('holds tasks during a pause and releases them after it', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, fetch, pause, resume, status } = taskActions(testHarness);
    const { sessionId, taskId, accountId } = await store();
    const lease = await claim(accountId);
    await pause(sessionId, 2);
    expect(await status(taskId)).toBe('held');
    expect(await errorReasonName(fetch(taskId, lease.leaseToken))).toBe('PAUSED');
    const during = await store({ sessionId, accountId, ownerEpoch: 2 });
    expect(await status(during.taskId)).toBe('held');
    expect((await claim(accountId)).taskId).toBe('');
    await resume(sessionId, 3);
    expect(await errorReasonName(fetch(taskId, lease.leaseToken))).toBe('LEASE_LOST');
    expect(new Set([(await claim(accountId)).taskId, (await claim(accountId)).taskId])).toEqual(
      new Set([taskId, during.taskId]),
    );
  });

  it('stores a late task as cancelled', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { raise } = taskActions(testHarness);
    const task = taskSpec();
    await raise(task.sessionId, 2);
    const stored = await testHarness.tasks.createTask({ task, status: Control.BOT_ACTIVE });
    expect(stored.task).toMatchObject({ taskStatus: TaskStatus.CANCELLED, errorMessage: 'handed_over' });
    expect((await testHarness.events(task.sessionId)).map((news) => news.change)).toEqual([
      TaskChange.CREATED,
      TaskChange.CANCELLED,
    ]);
    const closed = taskSpec();
    await raise(closed.sessionId, 2, { status: Control.CLOSED, cancelReason: 'session_closed' });
    const gone = await testHarness.tasks.createTask({ task: closed, status: Control.BOT_ACTIVE });
    expect(gone.task?.errorMessage).toBe('session_closed');
  });

  it('holds a task of a later epoch until it is raised', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { raise, status } = taskActions(testHarness);
    const task = taskSpec({ ownerEpoch: 3 });
    await raise(task.sessionId, 2);
    await testHarness.tasks.createTask({ task, status: Control.BOT_ACTIVE });
    expect(await status(task.taskId)).toBe('held');
    await raise(task.sessionId, 3, { status: Control.BOT_ACTIVE });
    expect(await status(task.taskId)).toBe('pending');
  });

  it('stores a task once, and an equal one not again while it is open or lately completed', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, complete } = taskActions(testHarness);
    const task = await store();
    const again = await testHarness.tasks.createTask({ task, status: Control.BOT_ACTIVE });
    expect(again.task?.taskId).toBe(task.taskId);
    const equal = { task: { ...task, taskId: `tsk_${unique()}` }, status: Control.BOT_ACTIVE, reuseSeconds: 86_400 };
    expect((await testHarness.tasks.createTask(equal)).task?.taskId).toBe(task.taskId);
    await complete(task.sessionId);
    expect((await testHarness.tasks.createTask(equal)).task?.taskId).toBe(task.taskId);
    testHarness.clock.advance({ hours: 25 });
    expect((await testHarness.tasks.createTask(equal)).task?.taskId).toBe(equal.task.taskId);
  });
});
