import { describe, expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import { TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import type { TaskQueue } from '../../../../services/lib/messaging/queue/task-queue.ts';
import { purgeBatch } from '../../../../services/task-dispatch/jobs/purge-tasks.ts';
import { startReaper } from '../../../../services/task-dispatch/jobs/reaper.ts';
import type { TaskTables } from '../../../../services/task-dispatch/store/tables.ts';
import { eventually } from '../../../support/eventually.ts';
import { errorReasonName } from '../../../support/task-dispatch/error-reason-name.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

const changes = async (testHarness: TaskDispatchHarness, sessionId: string) =>
  (await testHarness.events(sessionId)).map((news) => TaskChange[news.change]);

describe.each(databaseNames)('the reaper on %s', (database) => {
  it('makes an unfetched lease claimable again and a fetched one unknown', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, sent, claim, fetch, status } = taskActions(testHarness);
    const out = await sent();
    const leased = await store();
    const lease = await claim(leased.accountId);
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    expect([await status(out.taskId), await status(leased.taskId)]).toEqual(['unknown', 'pending']);
    expect(await changes(testHarness, out.sessionId)).toEqual(['CREATED', 'FETCHED', 'UNKNOWN']);
    expect(await errorReasonName(fetch(leased.taskId, lease.leaseToken))).toBe('LEASE_LOST');
    expect((await claim(leased.accountId)).taskId).toBe(leased.taskId);
  });

  it('removes finished rows that are older than their retention, and nothing else', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { store, sent, complete, raise, status } = taskActions(testHarness);
    const done = await sent();
    await complete(done.sessionId);
    await raise(done.sessionId, 2, { status: Control.CLOSED, cancelReason: 'session_closed' });
    const open = await store();
    testHarness.clock.advance({ hours: 24 * 91 });
    await purgeBatch(testHarness.deps);
    await purgeBatch(testHarness.deps);
    const count = async (table: keyof TaskTables) =>
      (await testHarness.db.autocommit<TaskTables>().selectFrom(table).select('tenant').execute()).length;
    expect([await count('tasks'), await count('receipts'), await count('session_fence')]).toEqual([1, 0, 1]);
    expect(await status(open.taskId)).toBe('pending');
  });
});

describe('the reaper', () => {
  it('makes a task that is never fetched a dead letter after ten leases', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, status } = taskActions(testHarness);
    const { taskId, accountId, sessionId } = await store();
    for (let i = 0; i < 10; i++) {
      expect((await claim(accountId)).taskId).toBe(taskId);
      testHarness.clock.advance({ seconds: 121 });
      await testHarness.reap();
    }
    expect(await status(taskId)).toBe('dead');
    expect((await testHarness.events(sessionId)).at(-1)).toMatchObject({ change: TaskChange.DEAD, othersOpen: false });
  });

  it('reports once that a task stays unknown, and holds it', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, status } = taskActions(testHarness);
    const { taskId, sessionId } = await sent();
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    testHarness.clock.advance({ minutes: 9 });
    await testHarness.reap();
    expect(await changes(testHarness, sessionId)).not.toContain('UNSETTLED');
    testHarness.clock.advance({ minutes: 2 });
    await testHarness.reap();
    await testHarness.reap();
    expect(await changes(testHarness, sessionId)).toEqual(['CREATED', 'FETCHED', 'UNKNOWN', 'UNSETTLED']);
    expect(await status(taskId)).toBe('unknown');
  });

  it.each([
    { policy: 'fail', maxAttempts: 2, handedOver: false, ends: 'failed' },
    { policy: 'resend', maxAttempts: 2, handedOver: false, ends: 'pending' },
    { policy: 'resend', maxAttempts: 1, handedOver: false, ends: 'unknown' },
    { policy: 'resend', maxAttempts: 2, handedOver: true, ends: 'unknown' },
  ])('leaves an unsettled task $ends by policy $policy, attempts $maxAttempts', async (row) => {
    await using testHarness = await startTaskDispatchHarness({ env: { AUTOSESSION_UNKNOWN_POLICY: row.policy } });
    const { sent, raise, status } = taskActions(testHarness);
    const { taskId, sessionId } = await sent({ maxAttempts: row.maxAttempts });
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    if (row.handedOver) await raise(sessionId, 2);
    testHarness.clock.advance({ minutes: 11 });
    await testHarness.reap();
    expect(await status(taskId)).toBe(row.ends);
    expect(await changes(testHarness, sessionId)).toContain('UNSETTLED');
  });

  it('adds a task again that was proposed to a process that died', async () => {
    let pushed: string[] = [];
    const watched = (queue: TaskQueue): TaskQueue => ({
      ...queue,
      push: async (items) => {
        pushed.push(...items.map((item) => item.taskId));
        await queue.push(items);
      },
    });
    await using testHarness = await startTaskDispatchHarness({ queue: watched });
    const { store, claim } = taskActions(testHarness);
    const lost = await store();
    await testHarness.deps.queue.take('default', {}, testHarness.clock.now(), 1);
    testHarness.clock.advance({ seconds: 6 });
    pushed = [];
    {
      await using _reaper = startReaper(testHarness.deps);
      await eventually(() => expect(pushed).toEqual([lost.taskId]));
    }
    expect((await claim(lost.accountId)).taskId).toBe(lost.taskId);
  });
});
