import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

onEveryBackend('task dispatch', (system) => {
  it('returns each task once to 16 concurrent senders', async () => {
    const { rest } = system();
    const platform = `p${unique()}`;
    const created = await Promise.all(
      Array.from({ length: 160 }, () => rest.ok(rest.post('/api/sessions/create', sessionBody({ platform })))),
    );
    const claimed: string[] = [];
    const sender = async (worker: number) => {
      for (;;) {
        const { data } = await rest.get(`/api/tasks/next_id?platform=${platform}`);
        if (!data.task_id) return;
        claimed.push(data.task_id);
        await rest.ok(rest.get(`/api/tasks/${data.task_id}/send_info`, { 'x-lease-token': data.lease_token }));
        await rest.ok(
          rest.post(`/api/sessions/${data.session_id}/complete`, { success: true, error_message: `w${worker}` }),
        );
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, worker) => sender(worker)));
    expect(claimed.toSorted()).toEqual(created.map((data) => data.task_id).toSorted());
  });

  it('serves the higher level first, then the more urgent type, then the older', async () => {
    const { rest } = system();
    const { claim } = flowSteps(system());
    const account = `t-order-${unique()}`;
    const add = async (overrides: Record<string, unknown>) =>
      (await rest.ok(rest.post('/api/sessions/create', sessionBody({ account_id: account, ...overrides })))).task_id;
    const follow = await add({ task_type: 'auto_follow_up' });
    const low = await add({ level: 'level1' });
    const older = await add({});
    const younger = await add({});
    const high = await add({ level: 'level5', task_type: 'auto_follow_up' });
    const order = [];
    for (let i = 0; i < 5; i++) order.push((await claim(account)).task_id);
    expect(order).toEqual([high, older, younger, follow, low]);
  });

  it('does not return a task before its time', async () => {
    const { create, claim } = flowSteps(system());
    const { clock } = system();
    const { body, data } = await create({ not_before_at: new Date(clock.now() + 60_000).toISOString() });
    expect((await claim(body.account_id)).task_id).toBeNull();
    clock.advance({ seconds: 61 });
    expect((await claim(body.account_id)).task_id).toBe(data.task_id);
  });

  it('answers an empty queue with 200 and success false', async () => {
    const answer = await system().rest.get(`/api/tasks/next_id?account_id=nobody-${unique()}`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ success: false, data: { task_id: null } });
  });

  it('wakes a waiting sender when a task arrives', async () => {
    const { claim, create } = flowSteps(system());
    const account = `t-wait-${unique()}`;
    const waiting = claim(account, '&wait_seconds=20');
    const started = Date.now();
    const { data } = await create({ account_id: account });
    expect((await waiting).task_id).toBe(data.task_id);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('returns the unfetched lease of a named worker again, and another task to another caller', async () => {
    const { create, claim } = flowSteps(system());
    const account = `t-worker-${unique()}`;
    await create({ account_id: account });
    await create({ account_id: account });
    const first = await claim(account, '&worker_id=w1');
    expect(await claim(account, '&worker_id=w1')).toMatchObject({
      task_id: first.task_id,
      lease_token: first.lease_token,
    });
    expect((await claim(account, '&worker_id=w2')).task_id).not.toBe(first.task_id);
  });

  it('returns a task again when its lease expired before the fetch', async () => {
    const { create, claim, sendInfo } = flowSteps(system());
    const { clock } = system();
    const { body } = await create();
    const lost = await claim(body.account_id);
    clock.advance({ seconds: 121 });
    const again = await eventually(async () => {
      const lease = await claim(body.account_id);
      expect(lease.task_id).toBe(lost.task_id);
      return lease;
    });
    expect((await sendInfo(lost.task_id, lost.lease_token)).body.error_code).toBe('LEASE_LOST');
    expect((await sendInfo(again.task_id, again.lease_token)).status).toBe(200);
  });

  it('marks a task unknown when its lease expired after the fetch, and accepts a late report', async () => {
    const { create, claim, claimAndFetch, complete, settled } = flowSteps(system());
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    system().clock.advance({ seconds: 121 });
    await settled(sent.sessionId, { task_status: 'unknown' });
    expect((await claim(body.account_id)).task_id).toBeNull();
    const late = await system().rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    expect(late).toMatchObject({ task_status: 'completed', state: 'active' });
  });

  it('completes an unknown task by the message that proves it', async () => {
    const { create, claimAndFetch, upload, settled } = flowSteps(system());
    const { clock } = system();
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const window = new ChatWindow(body, () => clock.now()).account(sent.content);
    clock.advance({ seconds: 121 });
    await settled(sent.sessionId, { task_status: 'unknown' });
    expect(await upload(window)).toMatchObject({ status: 'bot_active' });
    expect(await settled(sent.sessionId, { task_status: 'completed' })).toMatchObject({ session_state: 'active' });
  });

  it('sends again what a batch proves unsent', async () => {
    const { create, claim, claimAndFetch, upload, settled } = flowSteps(system());
    const { clock } = system();
    const { body } = await create();
    const window = new ChatWindow(body, () => clock.now()).shop('欢迎光临', clock.now() - 120_000);
    await upload(window);
    const sent = await claimAndFetch(body.account_id);
    clock.advance({ seconds: 121 });
    await settled(sent.sessionId, { task_status: 'unknown' });
    clock.advance({ seconds: 70 });
    await upload(window.shop('您还在吗？'));
    expect((await claim(body.account_id)).task_id).toBe(sent.taskId);
  });

  it('extends a lease, releases one, cancels an unsent task', async () => {
    const { create, claim, sendInfo } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const lease = await claim(body.account_id);
    const extended = await rest.ok(
      rest.post(`/api/tasks/${lease.task_id}/extend`, { lease_token: lease.lease_token, seconds: 600 }),
    );
    expect(Date.parse(extended.lease_expires_at)).toBeGreaterThan(Date.parse(lease.lease_expires_at));
    await rest.ok(rest.post(`/api/tasks/${lease.task_id}/requeue`, { lease_token: lease.lease_token }));
    expect((await claim(body.account_id)).task_id).toBe(data.task_id);
    const cancelled = await rest.ok(rest.post(`/api/tasks/${data.task_id}/cancel`, {}));
    expect(cancelled.task_status).toBe('cancelled');
    expect((await sendInfo(data.task_id)).body.error_code).toBe('TASK_DONE');
  });

  it('shows pending tasks, all tasks, and their numbers', async () => {
    const { create } = flowSteps(system());
    const { rest } = system();
    const { data } = await create({ level: 'level5' });
    const pending = await rest.ok(rest.get('/api/tasks/pending?limit=200'));
    expect(pending.count).toBe(pending.tasks.length);
    expect(pending.tasks.find((t: { task_id: string }) => t.task_id === data.task_id)).toMatchObject({
      session_state: 'pending',
      level: 'level5',
      priority: 3,
    });
    expect(await rest.ok(rest.get(`/api/tasks/${data.task_id}`))).toMatchObject({ task_status: 'pending' });
    const page = await rest.ok(rest.get('/api/tasks?status=pending&page_size=1'));
    expect(page.tasks).toHaveLength(1);
    const stats = await rest.ok(rest.get('/api/tasks/stats'));
    expect(stats.by_status.pending).toBeGreaterThan(0);
    expect(stats.levels[0]).toMatchObject({ level: 'level5' });
  });
});
