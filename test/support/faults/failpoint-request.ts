import { armFailpoint } from '../../../services/lib/runtime/failpoints.ts';
import { tryGetContext } from '../../../services/lib/runtime/request-context.ts';
import { unique } from '../factories.ts';
import type { RestResponse } from '../http/rest-client.ts';
import type { TestSystem } from '../test-system.ts';

/** Sends one request with the headers that identify its failpoints. */
export type SendRequest = (headers: Record<string, string>) => Promise<RestResponse>;

/** The failpoints that a request passes, in order, including those of its calls, without background work. */
export async function recordFailpoints(send: SendRequest): Promise<{ answer: RestResponse; passed: string[] }> {
  const passed: string[] = [];
  const answer = await withFailpointHandler((name) => void passed.push(name), send);
  return { answer, passed };
}

/** Sends the request while its n-th failpoint, counted from 0, throws. Fails if the request passes fewer. */
export async function failAtFailpoint(nth: number, send: SendRequest): Promise<RestResponse> {
  let count = 0;
  const answer = await withFailpointHandler((name) => {
    count += 1;
    if (count === nth + 1) throw new Error(`failpoint ${name}`);
  }, send);
  if (count <= nth) throw new Error(`the request passes ${count} failpoints only`);
  return answer;
}

/** Sends the request; `onFailpoint` is called at every failpoint of it and of its calls. */
async function withFailpointHandler(onFailpoint: (name: string) => void, send: SendRequest): Promise<RestResponse> {
  const requestId = `faulty-${unique()}`;
  using _ = armFailpoint('*', (name) => {
    if (tryGetContext()?.requestId === requestId) onFailpoint(name);
  });
  return await send({ 'x-request-id': requestId });
}

/** The stored state of a session without ids and times: equal for two sessions with the same history. */
export async function readStoredState({ process }: TestSystem, sessionId: string) {
  const db = process.deps.db.autocommit<StoredTables>();
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
