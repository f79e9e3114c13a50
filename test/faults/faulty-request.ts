import { maybeContext } from '../../services/lib/context.ts';
import { arm } from '../../services/lib/failpoints.ts';
import { unique } from '../make.ts';
import type { RestAnswer } from '../rest-client.ts';
import type { World } from '../world.ts';

/** One request, with the headers that make its failpoints known as its own. */
export type Ask = (headers: Record<string, string>) => Promise<RestAnswer>;

/** The failpoints that a request passes, in order; calls included, background work left out. */
export async function passedBy(ask: Ask): Promise<{ answer: RestAnswer; passed: string[] }> {
  const passed: string[] = [];
  const answer = await whileOwn((name) => void passed.push(name), ask);
  return { answer, passed };
}

/** The request while the n-th failpoint that it passes, from 0, throws. Fails when it passes fewer. */
export async function failingAt(nth: number, ask: Ask): Promise<RestAnswer> {
  let count = 0;
  const answer = await whileOwn((name) => {
    count += 1;
    if (count === nth + 1) throw new Error(`failpoint ${name}`);
  }, ask);
  if (count <= nth) throw new Error(`the request passes ${count} failpoints only`);
  return answer;
}

/** Runs the request, and whatever is called for it, with `failure` at every failpoint. */
async function whileOwn(failure: (name: string) => void, ask: Ask): Promise<RestAnswer> {
  const requestId = `faulty-${unique()}`;
  using _ = arm('*', (name) => {
    if (maybeContext()?.requestId === requestId) failure(name);
  });
  return await ask({ 'x-request-id': requestId });
}

/** Whatever services have stored of a session, without ids and times: equal for two sessions that were told the same. */
export async function storedOf({ process }: World, sessionId: string) {
  const db = process.deps.db.of<StoredTables>();
  const session = await db
    .selectFrom('sessions')
    .select(['state', 'control', 'owner_epoch', 'fenced_epoch', 'tasks_from_epoch', 'version', 'close_reason'])
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  const fence = await db
    .selectFrom('session_fence')
    .select(['owner_epoch', 'status', 'paused', 'tasks_from_epoch', 'open_tasks'])
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  const tasks = await db
    .selectFrom('tasks')
    .select(['status', 'owner_epoch', 'attempt', 'lease_fence', 'fetched_fence', 'failed_fence', 'error_message'])
    .where('session_id', '=', sessionId)
    .orderBy('created_at')
    .orderBy('task_id')
    .execute();
  const events = await db
    .selectFrom('outbox')
    .select(['source', 'source_seq', 'type'])
    .where('session_id', '=', sessionId)
    .where('source', 'in', ['session', 'task-dispatch'])
    .orderBy('source')
    .orderBy('source_seq')
    .execute();
  return { session, fence, tasks, events };
}

interface StoredTables {
  sessions: {
    session_id: string;
    state: string;
    control: string;
    owner_epoch: number;
    fenced_epoch: number;
    tasks_from_epoch: number;
    version: number;
    close_reason: string;
  };
  session_fence: {
    session_id: string;
    owner_epoch: number;
    status: string;
    paused: number;
    tasks_from_epoch: number;
    open_tasks: number;
  };
  tasks: {
    session_id: string;
    task_id: string;
    status: string;
    owner_epoch: number;
    attempt: number;
    lease_fence: number;
    fetched_fence: number;
    failed_fence: number;
    error_message: string;
    created_at: string;
  };
  outbox: { session_id: string; source: string; source_seq: number; type: string };
}
