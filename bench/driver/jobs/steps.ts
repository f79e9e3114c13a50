import type { Outcome } from '../../figure.ts';
import { closedLoop, type Until } from '../closed-loop.ts';
import type { Ready } from '../job.ts';
import { Samples } from '../latency.ts';
import { message, newSession, unique } from '../names.ts';
import { RestDriver } from '../rest.ts';

export interface StepSpec {
  readonly url: string;
  readonly inFlight: number;
  readonly until: Until;
}

/** Opens sessions. */
export async function create({ url, inFlight, until }: StepSpec, ready: Ready): Promise<Outcome> {
  using rest = new RestDriver(url);
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

/** Claims and completes tasks that are there before it begins; `until` has to be a count. */
export async function claim({ url, inFlight, until }: StepSpec, ready: Ready): Promise<Outcome> {
  using rest = new RestDriver(url);
  await closedLoop(inFlight, until, async () => {
    await rest.data('POST', '/api/sessions/create', newSession());
  });
  await ready();
  return await closedLoop(
    inFlight,
    until,
    async ({ lane, samples }) => {
      const path = `/api/tasks/next_id?worker_id=sender-${lane}`;
      const task = await samples.step('next_id', () => rest.data('GET', path));
      if (!task.task_id) throw new Error('next_id gave no task');
      const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
      await samples.step('complete', () => rest.data('POST', `/api/sessions/${task.session_id}/complete`, report));
    },
    rest,
  );
}

export interface IngestSpec extends StepSpec {
  readonly messages: number;
  /** Whether every batch was uploaded before. */
  readonly again: boolean;
}

/** Uploads batches of the shop's messages, each lane into a conversation of its own with an open session. */
export async function ingest(spec: IngestSpec, ready: Ready): Promise<Outcome> {
  const { url, inFlight, until, messages, again } = spec;
  using rest = new RestDriver(url);
  const sessions = Array.from({ length: inFlight }, () => newSession());
  await Promise.all(sessions.map((session) => rest.data('POST', '/api/sessions/create', session)));
  const batchOf = (lane: number) => {
    const { account_id = '', shop_id = '', shop_name = '' } = sessions[lane] ?? {};
    const said = Array.from({ length: messages }, () => message(shop_name, `这个价格可以再商量 ${unique('c')}`));
    return { account_id, shop_id, shop_name, messages: said };
  };
  const upload = (batch: unknown) => rest.data('POST', '/api/messages/batch', batch);
  const known = sessions.map((_, lane) => batchOf(lane));
  await Promise.all(known.map(upload));
  await ready();
  return await closedLoop(
    inFlight,
    until,
    async ({ lane }) => {
      await upload(again ? known[lane] : batchOf(lane));
    },
    rest,
  );
}

/** Completes every task that waits, so that the next load finds an empty queue. */
export async function drain({ url, inFlight }: Pick<StepSpec, 'url' | 'inFlight'>, ready: Ready): Promise<Outcome> {
  using rest = new RestDriver(url);
  await ready();
  const samples = new Samples();
  const runLane = async (_: unknown, lane: number) => {
    for (;;) {
      const task = await rest.data('GET', `/api/tasks/next_id?worker_id=sender-${lane}`);
      if (!task.task_id) return;
      const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
      await rest.data('POST', `/api/sessions/${task.session_id}/complete`, report);
      samples.success(0);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runLane));
  return samples.outcome(1);
}
