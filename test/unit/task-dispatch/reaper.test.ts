import { describe, expect, it } from 'vitest';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { TaskQueue } from '../../../services/lib/queue/task-queue.ts';
import { startReaper } from '../../../services/task-dispatch/reaper.ts';
import { removeOld } from '../../../services/task-dispatch/retention.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { eventually } from '../../eventually.ts';
import { actions, databaseNames, type Harness, harness } from './harness.ts';
import { reasonOf } from './reason.ts';

const changes = async (world: Harness, sessionId: string) =>
  (await world.news(sessionId)).map((news) => TaskChange[news.change]);

describe.each(databaseNames)('the reaper on %s', (database) => {
  it('makes an unfetched lease claimable again and a fetched one unknown', async () => {
    await using world = await harness({ database });
    const { store, sent, claim, fetch, status } = actions(world);
    const out = await sent();
    const leased = await store();
    const lease = await claim(leased.accountId);
    world.clock.advance({ seconds: 121 });
    await world.reap();
    expect([await status(out.taskId), await status(leased.taskId)]).toEqual(['unknown', 'pending']);
    expect(await changes(world, out.sessionId)).toEqual(['CREATED', 'SENT', 'UNKNOWN']);
    expect(await reasonOf(fetch(leased.taskId, lease.leaseToken))).toBe('LEASE_LOST');
    expect((await claim(leased.accountId)).taskId).toBe(leased.taskId);
  });

  it('removes what is finished and older than its retention, and nothing else', async () => {
    await using world = await harness({ database });
    const { store, sent, complete, raise, status } = actions(world);
    const done = await sent();
    await complete(done.sessionId);
    await raise(done.sessionId, 2, { status: Control.CLOSED, cancelReason: 'session_closed' });
    const open = await store();
    world.clock.advance({ hours: 24 * 91 });
    await removeOld(world.deps);
    await removeOld(world.deps);
    const count = async (table: keyof TaskTables) =>
      (await world.db.of<TaskTables>().selectFrom(table).select('tenant').execute()).length;
    expect([await count('tasks'), await count('receipts'), await count('session_fence')]).toEqual([1, 0, 1]);
    expect(await status(open.taskId)).toBe('pending');
  });
});

describe('the reaper', () => {
  it('lays a task that is never fetched to rest after ten leases', async () => {
    await using world = await harness();
    const { store, claim, status } = actions(world);
    const { taskId, accountId, sessionId } = await store();
    for (let i = 0; i < 10; i++) {
      expect((await claim(accountId)).taskId).toBe(taskId);
      world.clock.advance({ seconds: 121 });
      await world.reap();
    }
    expect(await status(taskId)).toBe('dead');
    expect((await world.news(sessionId)).at(-1)).toMatchObject({ change: TaskChange.DEAD, othersOpen: false });
  });

  it('tells once that a task stays unknown, and holds it', async () => {
    await using world = await harness();
    const { sent, status } = actions(world);
    const { taskId, sessionId } = await sent();
    world.clock.advance({ seconds: 121 });
    await world.reap();
    world.clock.advance({ minutes: 9 });
    await world.reap();
    expect(await changes(world, sessionId)).not.toContain('UNSETTLED');
    world.clock.advance({ minutes: 2 });
    await world.reap();
    await world.reap();
    expect(await changes(world, sessionId)).toEqual(['CREATED', 'SENT', 'UNKNOWN', 'UNSETTLED']);
    expect(await status(taskId)).toBe('unknown');
  });

  it.each([
    { policy: 'fail', maxAttempts: 2, handedOver: false, ends: 'failed' },
    { policy: 'resend', maxAttempts: 2, handedOver: false, ends: 'pending' },
    { policy: 'resend', maxAttempts: 1, handedOver: false, ends: 'unknown' },
    { policy: 'resend', maxAttempts: 2, handedOver: true, ends: 'unknown' },
  ])('leaves an unsettled task $ends by policy $policy, attempts $maxAttempts', async (row) => {
    await using world = await harness({ env: { AUTOSESSION_UNKNOWN_POLICY: row.policy } });
    const { sent, raise, status } = actions(world);
    const { taskId, sessionId } = await sent({ maxAttempts: row.maxAttempts });
    world.clock.advance({ seconds: 121 });
    await world.reap();
    if (row.handedOver) await raise(sessionId, 2);
    world.clock.advance({ minutes: 11 });
    await world.reap();
    expect(await status(taskId)).toBe(row.ends);
    expect(await changes(world, sessionId)).toContain('UNSETTLED');
  });

  it('tells the queue again of a task that was proposed to somebody who died', async () => {
    let pushed: string[] = [];
    const watched = (queue: TaskQueue): TaskQueue => ({
      ...queue,
      push: async (items) => {
        pushed.push(...items.map((item) => item.taskId));
        await queue.push(items);
      },
    });
    await using world = await harness({ queue: watched });
    const { store, claim } = actions(world);
    const lost = await store();
    await world.deps.queue.take('default', {}, world.clock.now(), 1);
    world.clock.advance({ seconds: 6 });
    pushed = [];
    {
      await using _reaper = startReaper(world.deps);
      await eventually(() => expect(pushed).toEqual([lost.taskId]));
    }
    expect((await claim(lost.accountId)).taskId).toBe(lost.taskId);
  });
});
