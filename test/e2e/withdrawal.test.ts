import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';

const RACES = 40;
/** Starts both at once, the second one first every other time. */
async function concurrently<A, B>(race: number, first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  if (race % 2 === 0) return Promise.all([first(), second()]);
  const [b, a] = await Promise.all([second(), first()]);
  return [a, b];
}

const withdrawal = { success: false, error_message: '不用发了' };

onEveryBackend('a task that was never leased', (system) => {
  it('is withdrawn by complete with success: false, and its session cancelled', async () => {
    const { rest } = system();
    const { create, claim, complete, status } = flowSteps(system());
    const { body, data } = await create({ max_attempts: 3 });
    const answer = await rest.ok(complete(data.session_id, withdrawal));
    expect(answer).toMatchObject({ success: false, state: 'cancelled', task_status: 'failed' });
    expect(await status(data.session_id)).toMatchObject({ session_state: 'cancelled', task_status_code: 2 });
    expect((await claim(body.account_id)).task_id).toBeNull();
    const { account_id, shop_id, shop_name } = body;
    await create({ account_id, shop_id, shop_name });
  });

  it('is not sent after its withdrawal was answered, even if a sender claims at the same time', async () => {
    const { rest } = system();
    const { create, claim, sendInfo, complete, status } = flowSteps(system());
    for (let race = 0; race < RACES; race++) {
      const { body, data } = await create();
      const [lease, answer] = await concurrently(
        race,
        () => claim(body.account_id),
        () => complete(data.session_id, withdrawal),
      );
      expect(answer.status).toBe(200);
      if (lease.task_id) {
        const info = await sendInfo(lease.task_id, lease.lease_token);
        expect(info.body.error_code).toBe('TASK_DONE');
      }
      expect((await rest.get(`/api/tasks/${data.task_id}`)).data.task_status).toBe('failed');
      expect((await status(data.session_id)).session_state).toBe('cancelled');
    }
  }, 60_000);
});

onEveryBackend(
  'under strict leases a task',
  (system) => {
    it('goes to a claim or to a withdrawal at the same moment, never to both', async () => {
      const { rest } = system();
      const { create, claim, sendInfo, complete } = flowSteps(system());
      for (let race = 0; race < RACES; race++) {
        const { body, data } = await create();
        const [lease, answer] = await concurrently(
          race,
          () => claim(body.account_id),
          () => complete(data.session_id, withdrawal),
        );
        const winner = lease.task_id ? 'claim' : 'withdrawal';
        expect(answer.status).toBe(winner === 'claim' ? 400 : 200);
        if (winner === 'claim') await rest.ok(sendInfo(lease.task_id, lease.lease_token));
      }
    }, 60_000);
  },
  { env: { AUTOSESSION_STRICT_LEASE: 'true' } },
);
