import { expect, it } from 'vitest';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { TestSystem } from '../support/test-system.ts';

interface Tables {
  session_fence: { session_id: string; owner_epoch: number; status: string; paused: number };
}

/** As if the database had lost changes of control that the fence has, the last of which gave control to the bot. */
async function putFenceAhead({ process }: TestSystem, sessionId: string): Promise<void> {
  const db: Executor<Tables> = process.deps.db.autocommit<Tables>();
  await db
    .updateTable('session_fence')
    .set({ owner_epoch: 5, status: 'bot_active', paused: 0 })
    .where('session_id', '=', sessionId)
    .execute();
}

onEveryBackend('a fence that is ahead of its session', (system) => {
  const commands = [
    ['pause', 'pause', {}],
    ['takeover', 'takeover', { agent_id: 'a', agent_name: '王' }],
    ['close', 'close', { outcome: 'cancelled' }],
  ] as const;

  it.each(commands)('follows the session again after the next %s', async (_name, path, body) => {
    const { rest } = system();
    const { create, claim, sendInfo } = flowSteps(system());
    const { body: session, data } = await create();
    const lease = await claim(session.account_id);
    await putFenceAhead(system(), data.session_id);
    await rest.ok(rest.post(`/api/sessions/${data.session_id}/${path}`, body));
    expect((await sendInfo(lease.task_id, lease.lease_token)).status).toBe(409);
    await assertInvariants(system());
  });

  it('lets a human give control back', async () => {
    const { rest } = system();
    const { create, takeOver, release, claimAndFetch } = flowSteps(system());
    const { body, data } = await create();
    await putFenceAhead(system(), data.session_id);
    await rest.ok(takeOver(data.session_id));
    await rest.ok(release(data.session_id));
    const task = { external_task_id: 'later', send_content: '在吗' };
    await rest.ok(rest.post(`/api/sessions/${data.session_id}/tasks`, task));
    expect((await claimAndFetch(body.account_id)).content).toBe('在吗');
    await assertInvariants(system());
  });
});
