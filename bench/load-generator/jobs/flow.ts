import type { LoadResult } from '../../measurement-result.ts';
import { closedLoop, type Iteration, type StopCondition } from '../closed-loop.ts';
import { message, newSession } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';

/** The steps of the main flow, in order. */
export const flowStepNames = ['create', 'next_id', 'send_info', 'complete', 'batch'] as const;

const MAX_POLLS = 20;

export interface FlowSpec {
  readonly url: string;
  readonly inFlight: number;
  readonly until: StopCondition;
}

/**
 * The main flow over REST: each virtual user creates a session, claims the next task (under load often that of another user),
 * fetches it, completes it, and uploads the window that shows it with the shop's reply.
 */
export async function flow({ url, inFlight, until }: FlowSpec, ready: ReadySignal): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await ready();
  return await closedLoop(inFlight, until, (iteration) => runFlow(rest, iteration), rest);
}

async function runFlow(rest: LoadRestClient, { virtualUser, samples }: Iteration): Promise<void> {
  await samples.step('create', () => rest.data('POST', '/api/sessions/create', newSession()));
  const task = await samples.step('next_id', () => claim(rest, virtualUser));
  const lease = { 'x-lease-token': task.lease_token };
  const info = await samples.step('send_info', () =>
    rest.data('GET', `/api/tasks/${task.task_id}/send_info`, undefined, lease),
  );
  const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
  await samples.step('complete', () => rest.data('POST', `/api/sessions/${task.session_id}/complete`, report));
  const { account_id, shop_id, shop_name } = info;
  const messages = [message(account_id, info.send_content), message(shop_name, '可以，三件的话每件便宜五块')];
  await samples.step('batch', () =>
    rest.data('POST', '/api/messages/batch', { account_id, shop_id, shop_name, messages }),
  );
}

/** There is a task for each virtual user, but another one may be about to claim it. */
async function claim(rest: LoadRestClient, virtualUser: number) {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const task = await rest.data('GET', `/api/tasks/next_id?worker_id=sender-${virtualUser}&wait_seconds=1`);
    if (task.task_id) return task;
  }
  throw new Error('next_id returned no task');
}
