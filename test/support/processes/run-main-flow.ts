import type { Data, Rest } from '../../../examples/demo/rest.ts';
import { eventually } from '../eventually.ts';
import { unique } from '../factories.ts';

/** The main flow of one session, from creation over a takeover and a release to its close, with clients that retry. */
export async function runMainFlow(rest: Rest): Promise<void> {
  const id = unique();
  const account = `t-${id}`;
  const shop = { shop_id: `s-${id}`, shop_name: `店-${id}` };
  const order = { external_task_id: `ext-${id}`, send_content: `您好 ${id}`, task_type: 'auto_bargain' };
  const { session_id: session } = await rest.post('/api/sessions/create', { account_id: account, ...shop, ...order });
  const lease = await pollForTask(() => rest.poll(`/api/tasks/next_id?account_id=${account}&worker_id=${id}`));
  await rest.get(`/api/tasks/${lease.task_id}/send_info`, { 'x-lease-token': lease.lease_token });
  const done = { success: true, task_id: lease.task_id, lease_token: lease.lease_token };
  await rest.post(`/api/sessions/${session}/complete`, done);
  const messages = [
    { id: `m1-${id}`, nick: account, content: order.send_content, time: new Date().toISOString() },
    { id: `m2-${id}`, nick: shop.shop_name, content: '在的', time: new Date().toISOString() },
  ];
  await rest.post('/api/messages/batch', { shop_name: shop.shop_name, messages });
  const agent = { agent_id: `agent-${id}`, agent_name: '小王' };
  await rest.post(`/api/sessions/${session}/takeover`, agent);
  await rest.post(`/api/sessions/${session}/release`, agent);
  await rest.post(`/api/sessions/${session}/close`, { outcome: 'completed' });
}

/** Polls until there is a task: a crash may have lost the queue's entry. */
async function pollForTask(poll: () => Promise<Data>): Promise<Data> {
  return eventually(async () => {
    const lease = await poll();
    if (!lease.task_id) throw new Error('no task yet');
    return lease;
  }, 30_000);
}
