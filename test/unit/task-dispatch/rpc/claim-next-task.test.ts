import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { QueueLevel, TaskType } from '../../../../gen/autosession/task/v1/task_pb.js';
import type { TaskQueue } from '../../../../services/lib/messaging/queue/task-queue.ts';
import { runInBackgroundContext, systemContext } from '../../../../services/lib/runtime/request-context.ts';
import { unique } from '../../../support/factories.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

/** A queue that stores nothing and can be made to fail. */
function forgetfulQueue(state: { broken: boolean }) {
  return (queue: TaskQueue): TaskQueue => ({
    ...queue,
    push: async (items) => {
      if (state.broken) throw new Error('gone');
      await queue.push(items);
    },
    take: async (...args) => {
      if (state.broken) throw new Error('gone');
      return queue.take(...args);
    },
  });
}

describe.each(databaseNames)('claiming on %s', (database) => {
  it('leases every task exactly once to concurrent clients', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, claim } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    const stored = await Promise.all(Array.from({ length: 60 }, () => store({ accountId })));
    const claimed: string[] = [];
    const sender = async () => {
      for (let lease = await claim(accountId); lease.taskId; lease = await claim(accountId)) claimed.push(lease.taskId);
    };
    await Promise.all(Array.from({ length: 12 }, sender));
    expect(claimed.toSorted()).toEqual(stored.map((task) => task.taskId).toSorted());
  });

  it('leases every task exactly once while the queue is down', async () => {
    await using testHarness = await startTaskDispatchHarness({ database, queue: forgetfulQueue({ broken: true }) });
    const { store, claim } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    const stored = await Promise.all(Array.from({ length: 40 }, () => store({ accountId })));
    const claimed: string[] = [];
    const sender = async () => {
      for (let lease = await claim(accountId); lease.taskId; lease = await claim(accountId)) claimed.push(lease.taskId);
    };
    await Promise.all(Array.from({ length: 6 }, sender));
    expect(claimed.toSorted()).toEqual(stored.map((task) => task.taskId).toSorted());
  });

  it('checks what the queue proposes: finished, foreign, unknown, or another account’s tasks', async () => {
    const lies: string[] = [];
    const lying = (queue: TaskQueue): TaskQueue => ({
      ...queue,
      take: async (...args) => (lies.length > 0 ? lies.splice(0, 1) : queue.take(...args)),
    });
    await using testHarness = await startTaskDispatchHarness({ database, queue: lying });
    const { store, sent, complete, claim } = taskActions(testHarness);
    const done = await sent();
    await complete(done.sessionId);
    const [others, own] = [await store(), await store()];
    lies.push(done.taskId, 'tsk_of_another_tenant', others.taskId, '');
    expect((await claim(own.accountId)).taskId).toBe(own.taskId);
    expect((await claim(others.accountId)).taskId).toBe(others.taskId);
  });

  it('gives concurrent calls of one worker one lease', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, claim } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    await Promise.all(Array.from({ length: 8 }, () => store({ accountId })));
    const leases = await Promise.all(Array.from({ length: 8 }, () => claim(accountId, 'w1')));
    expect(new Set(leases.map((lease) => lease.leaseToken)).size).toBe(1);
    expect(leases[0]?.taskId).not.toBe('');
  });
});

describe('claiming', () => {
  it('goes by level, then by priority, then by age', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    const follow = await store({ accountId, taskType: TaskType.AUTO_FOLLOW_UP });
    const low = await store({ accountId, level: QueueLevel.LEVEL1 });
    const older = await store({ accountId });
    testHarness.clock.advance({ seconds: 1 });
    const younger = await store({ accountId });
    const high = await store({ accountId, level: QueueLevel.LEVEL5, taskType: TaskType.AUTO_FOLLOW_UP });
    const order: string[] = [];
    for (let i = 0; i < 5; i++) order.push((await claim(accountId)).taskId);
    expect(order).toEqual([high, older, younger, follow, low].map((task) => task.taskId));
  });

  it('waits for a task and for its time', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim } = taskActions(testHarness);
    const task = await store({ notBeforeAt: timestampFromMs(testHarness.clock.now() + 60_000) });
    expect((await claim(task.accountId)).taskId).toBe('');
    testHarness.clock.advance({ seconds: 61 });
    expect((await claim(task.accountId)).taskId).toBe(task.taskId);
    const accountId = `t-${unique()}`;
    const waiting = testHarness.tasks.claimNextTask({ accountId, waitSeconds: 20 });
    const late = await store({ accountId });
    expect((await waiting).taskId).toBe(late.taskId);
  });

  it('reads the database at once when a task could not be added to the queue', async () => {
    const state = { broken: false };
    await using testHarness = await startTaskDispatchHarness({ queue: forgetfulQueue(state) });
    const { store, claim } = taskActions(testHarness);
    await claim();
    state.broken = true;
    const task = await store();
    state.broken = false;
    expect((await claim()).taskId).toBe(task.taskId);
  });

  it('gives a worker its unfetched lease again, and after the fetch another task', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, fetch } = taskActions(testHarness);
    const accountId = `t-${unique()}`;
    await store({ accountId });
    await store({ accountId });
    const first = await claim(accountId, 'w1');
    expect(await claim(accountId, 'w1')).toMatchObject({ taskId: first.taskId, leaseToken: first.leaseToken });
    await fetch(first.taskId, first.leaseToken);
    expect((await claim(accountId, 'w1')).taskId).not.toBe(first.taskId);
  });

  it('does not let a worker keep a lease that has run out', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim } = taskActions(testHarness);
    const { accountId, taskId } = await store();
    const first = await claim(accountId, 'w1');
    testHarness.clock.advance({ seconds: 121 });
    const second = await claim(accountId, 'w1');
    expect(second.taskId).toBe(taskId);
    expect(second.leaseToken).not.toBe(first.leaseToken);
  });

  it('shows a tenant nothing of another', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store } = taskActions(testHarness);
    const task = await store();

    const stranger = systemContext('other', 'test');
    const lease = await runInBackgroundContext(stranger, () => testHarness.tasks.claimNextTask({}));
    expect(lease.taskId).toBe('');
    const look = runInBackgroundContext(stranger, () => testHarness.tasks.getTask({ taskId: task.taskId }));
    await expect(look).rejects.toThrow(/there is no task/);
  });
});
