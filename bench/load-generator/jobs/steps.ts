import type { LoadResult } from '../../measurement-result.ts';
import { closedLoop, type StopCondition } from '../closed-loop.ts';
import { message, newSession, unique } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';
import { LoadSamples } from '../samples.ts';

export interface StepSpec {
  readonly url: string;
  readonly inFlight: number;
  readonly until: StopCondition;
}

/** Creates sessions. */
export async function create({ url, inFlight, until }: StepSpec, ready: ReadySignal): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await ready();
  return await closedLoop(
    inFlight,
    until,
    async () => {
      await rest.data('POST', '/api/sessions/create', newSession());
    },
    rest,
  );
}

/** Claims and completes tasks that exist before it starts; `until` must be a count. */
export async function claim({ url, inFlight, until }: StepSpec, ready: ReadySignal): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await closedLoop(inFlight, until, async () => {
    await rest.data('POST', '/api/sessions/create', newSession());
  });
  await ready();
  return await closedLoop(
    inFlight,
    until,
    async ({ virtualUser, samples }) => {
      const path = `/api/tasks/next_id?worker_id=sender-${virtualUser}`;
      const task = await samples.step('next_id', () => rest.data('GET', path));
      if (!task.task_id) throw new Error('next_id returned no task');
      const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
      await samples.step('complete', () => rest.data('POST', `/api/sessions/${task.session_id}/complete`, report));
    },
    rest,
  );
}

export interface IngestSpec extends StepSpec {
  readonly messages: number;
  /** Whether every batch was uploaded before. */
  readonly repeated: boolean;
}

/** Uploads batches of the shop's messages; each virtual user has its own conversation with an open session. */
export async function ingest(spec: IngestSpec, ready: ReadySignal): Promise<LoadResult> {
  const { url, inFlight, until, messages, repeated } = spec;
  using rest = new LoadRestClient(url);
  const sessions = Array.from({ length: inFlight }, () => newSession());
  await Promise.all(sessions.map((session) => rest.data('POST', '/api/sessions/create', session)));
  const batchOf = (virtualUser: number) => {
    const { account_id = '', shop_id = '', shop_name = '' } = sessions[virtualUser] ?? {};
    const uploadedMessages = Array.from({ length: messages }, () =>
      message(shop_name, `这个价格可以再商量 ${unique('c')}`),
    );
    return { account_id, shop_id, shop_name, messages: uploadedMessages };
  };
  const upload = (batch: unknown) => rest.data('POST', '/api/messages/batch', batch);
  const repeatedBatches = sessions.map((_, virtualUser) => batchOf(virtualUser));
  await Promise.all(repeatedBatches.map(upload));
  await ready();
  return await closedLoop(
    inFlight,
    until,
    async ({ virtualUser }) => {
      await upload(repeated ? repeatedBatches[virtualUser] : batchOf(virtualUser));
    },
    rest,
  );
}

/** Completes every waiting task, so that the next load starts with an empty queue. */
export async function drain(
  { url, inFlight }: Pick<StepSpec, 'url' | 'inFlight'>,
  ready: ReadySignal,
): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await ready();
  const samples = new LoadSamples();
  const runVirtualUser = async (_: unknown, virtualUser: number) => {
    for (;;) {
      const task = await rest.data('GET', `/api/tasks/next_id?worker_id=sender-${virtualUser}`);
      if (!task.task_id) return;
      const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
      await rest.data('POST', `/api/sessions/${task.session_id}/complete`, report);
      samples.success(0);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runVirtualUser));
  return samples.outcome(1);
}
