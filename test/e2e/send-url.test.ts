import { afterAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { neverRespond, respondJson, respondSendUrl, startFakeOrderSystem } from '../support/http/fake-order-system.ts';
import type { Json } from '../support/http/rest-client.ts';

const orders = await startFakeOrderSystem();
afterAll(() => orders[Symbol.asyncDispose]());

const AUTOSESSION_SEND_URL_LOOKUP = JSON.stringify({
  url: `${orders.url}/page?order={external_task_id}`,
  timeout_ms: 800,
});

onEveryBackend(
  'the send URL of a task without one',
  (system) => {
    const rest = () => system().rest;
    const task = (id: string): Promise<Json> => rest().ok(rest().get(`/api/tasks/${id}`));
    const asked = (order: string) => orders.requests.filter((path) => path.endsWith(`=${order}`)).length;
    /** A leased task. */
    const leased = async (overrides: Record<string, unknown> = {}) => {
      const { create, claim } = flowSteps(system());
      const { body } = await create(overrides);
      return { body, lease: await claim(body.account_id) };
    };
    const info = (lease: Json) => flowSteps(system()).sendInfo(lease.task_id, lease.lease_token);

    beforeEach(() => {
      orders.respond = respondSendUrl;
      // a failed lookup is retried
      system().clock.advance({ seconds: 6 });
    });

    it('is looked up when its content is fetched, and kept', async () => {
      const { body, lease } = await leased();
      const order = body.external_task_id;
      const first = await rest().ok(info(lease));
      expect(first).toMatchObject({ send_url: `https://chat.example/${order}`, attempt: 1 });
      expect((await task(lease.task_id)).send_url).toBe(first.send_url);
      const questions = asked(order);
      orders.respond = respondJson({}, 500);
      expect(await rest().ok(info(lease))).toEqual(first);
      expect(asked(order)).toBe(questions);
    });

    it('is not looked up for a task that has one', async () => {
      const { body, lease } = await leased({ send_url: 'https://given.example' });
      expect((await rest().ok(info(lease))).send_url).toBe('https://given.example');
      expect(asked(body.external_task_id)).toBe(0);
    });

    it('is empty when the order system has none', async () => {
      orders.respond = respondJson({}, 404);
      const { lease } = await leased();
      expect(await rest().ok(info(lease))).toMatchObject({ send_url: '', attempt: 1 });
    });

    it.each([
      ['fails', respondJson({}, 500)],
      ['hangs', neverRespond],
    ])('keeps the lease and counts no fetch while the order system %s, and is found afterwards', async (_, answer) => {
      orders.respond = answer;
      const { body, lease } = await leased();
      const refused = await info(lease);
      expect([refused.status, refused.body.error_code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await task(lease.task_id)).toMatchObject({ task_status: 'leased', attempt: 0, fetched_at: null });
      orders.respond = respondSendUrl;
      system().clock.advance({ seconds: 6 });
      const sent = await eventually(() => rest().ok(info(lease)));
      expect(sent).toMatchObject({ send_url: `https://chat.example/${body.external_task_id}`, attempt: 1 });
      const { complete } = flowSteps(system());
      await rest().ok(complete(lease.session_id, { task_id: lease.task_id, lease_token: lease.lease_token }));
    });

    it('does not delay a takeover during its lookup', async () => {
      orders.respond = neverRespond;
      const { lease } = await leased();
      const waiting = info(lease);
      const taken = await rest().ok(flowSteps(system()).takeOver(lease.session_id));
      expect(taken.possibly_sent).toEqual([]);
      expect((await waiting).status).not.toBe(200);
      orders.respond = respondSendUrl;
      system().clock.advance({ seconds: 6 });
      const late = await info(lease);
      expect([late.status, late.body.error_code]).toEqual([409, 'HANDED_OVER']);
      expect((await task(lease.task_id)).task_status).toBe('cancelled');
    });

    it('returns nothing to a sender whose session was taken over during the lookup', async () => {
      const { create, claim, takeOver } = flowSteps(system());
      const { body } = await create();
      let answer = () => {};
      orders.respond = (request, response) => {
        answer = () => respondSendUrl(request, response);
      };
      const lease = await claim(body.account_id);
      const waiting = info(lease);
      await eventually(async () => expect(asked(body.external_task_id)).toBeGreaterThan(0));
      await rest().ok(takeOver(lease.session_id));
      orders.respond = respondSendUrl;
      answer();
      const refused = await waiting;
      expect([refused.status, refused.body.error_code]).toEqual([409, 'HANDED_OVER']);
    });

    it('is not looked up without a lease', async () => {
      const { create, sendInfo } = flowSteps(system());
      const { body, data } = await create();
      expect((await sendInfo(data.task_id)).body.error_code).toBe('LEASE_LOST');
      expect(asked(body.external_task_id)).toBe(0);
    });
  },
  { env: { AUTOSESSION_SEND_URL_LOOKUP } },
);
