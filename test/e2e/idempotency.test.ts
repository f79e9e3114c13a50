import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

onEveryBackend('an idempotency key', (system) => {
  it('gives 20 concurrent creations one session', async () => {
    const { rest } = system();
    const body = sessionBody();
    const key = { 'idempotency-key': unique() };
    const all = await Promise.all(
      Array.from({ length: 20 }, () => rest.ok(rest.post('/api/sessions/create', body, key))),
    );
    expect(new Set(all.map((data) => data.session_id)).size).toBe(1);
  });

  it('gives the first answer even after the session was closed', async () => {
    const { rest } = system();
    const body = sessionBody({ idempotency_key: unique() });
    const first = await rest.ok(rest.post('/api/sessions/create', body));
    await rest.ok(rest.post(`/api/sessions/${first.session_id}/close`, { outcome: 'cancelled' }));
    const again = await rest.ok(rest.post('/api/sessions/create', body));
    expect(again.session_id).toBe(first.session_id);
  });

  it('refuses another request under the same key', async () => {
    const { rest } = system();
    const key = { 'idempotency-key': unique() };
    await rest.ok(rest.post('/api/sessions/create', sessionBody(), key));
    const other = await rest.post('/api/sessions/create', sessionBody(), key);
    expect([other.status, other.body.error_code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('computes the possibly sent tasks again for a repeated takeover', async () => {
    const { create, claimAndFetch, complete } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const sent = await claimAndFetch(body.account_id);
    const key = { 'idempotency-key': unique() };
    const ask = () =>
      rest.ok(rest.post(`/api/sessions/${data.session_id}/takeover`, { agent_id: 'a', agent_name: '王' }, key));
    expect((await ask()).possibly_sent).toHaveLength(1);
    await rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    expect((await ask()).possibly_sent).toHaveLength(0);
  });

  it('gives a repeated report the first answer', async () => {
    const { create, claimAndFetch, complete } = flowSteps(system());
    const { rest } = system();
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const report = () => rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    expect(await report()).toEqual(await report());
    const opposite = await complete(sent.sessionId, { success: false, lease_token: sent.token });
    expect([opposite.status, opposite.body.error_code]).toEqual([409, 'TASK_DONE']);
  });
});
