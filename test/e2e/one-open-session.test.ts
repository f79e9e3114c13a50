import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';

onEveryBackend('one open session per account and shop', (system) => {
  it('survives 30 concurrent creations, under three shop ids with one name', async () => {
    const { rest } = system();
    const base = sessionBody();
    const bodies = Array.from({ length: 30 }, (_, i) => ({
      ...base,
      shop_id: `${base.shop_id}-${i % 3}`,
      external_task_id: `${base.external_task_id}-${i}`,
    }));
    const answers = await Promise.all(bodies.map((body) => rest.post('/api/sessions/create', body)));
    const won = answers.filter((answer) => answer.status === 200);
    expect(won).toHaveLength(1);
    const lost = answers.filter((answer) => answer.status === 409);
    expect(lost).toHaveLength(29);
    for (const answer of lost) {
      expect(answer.body.error_code).toBe('UNAVAILABLE');
      expect(answer.data).toMatchObject({
        conflict_session_id: won[0]?.data.session_id,
        conflict_task_type: 'auto_bargain',
      });
      expect(Date.parse(answer.data.available_at)).toBeGreaterThan(Date.now());
    }
  });

  it('gives 50 concurrent first batches of a new pair one session', async () => {
    const { rest, clock } = system();
    const n = unique();
    const parties = { account_id: `t-new-${n}`, shop_id: `new-${n}`, shop_name: `新店${n}` };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const window = new ChatWindow(parties, () => clock.now()).shop(`您好 ${i}`);
        return rest.ok(rest.post('/api/messages/batch', window.batch({ account_id: parties.account_id })));
      }),
    );
    expect(new Set(answers.map((data) => data.active_session_id)).size).toBe(1);
    expect(answers[0].active_session_id).toMatch(/^ses_/);
    const status = await rest.ok(rest.get(`/api/sessions/${answers[0].active_session_id}/status`));
    expect(status).toMatchObject({ session_state: 'transferred', status: 'pending_manual', message_count: 50 });
  });

  it('times out an expired bot session, and opens the new one', async () => {
    const { rest, clock } = system();
    const body = sessionBody({ max_inactive_minutes: 30 });
    const first = await rest.ok(rest.post('/api/sessions/create', body));
    clock.advance({ minutes: 31 });
    const second = await rest.ok(rest.post('/api/sessions/create', { ...body, external_task_id: 'later' }));
    expect(second.session_id).not.toBe(first.session_id);
    const status = await rest.ok(rest.get(`/api/sessions/${first.session_id}/status`));
    expect(status.session_state).toBe('timeout');
    expect(Date.parse(status.finished_at)).toBeLessThan(clock.now() - 50_000);
  });

  it('never times out a session with a human in control for a bot', async () => {
    const { rest } = system();
    const body = sessionBody({ task_type: 'manual_customer_service', send_content: undefined });
    const human = await rest.ok(rest.post('/api/sessions/create', body));
    expect(human).toMatchObject({ state: 'transferred', status: 'pending_manual', task_id: '' });
    const bot = { ...body, task_type: 'auto_bargain', send_content: '在吗', max_inactive_minutes: 1 };
    const refused = await rest.post('/api/sessions/create', bot);
    expect(refused.data).toMatchObject({ conflict_session_id: human.session_id, conflict_state: 'transferred' });
  });
});
