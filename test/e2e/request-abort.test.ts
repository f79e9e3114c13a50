import { Code, ConnectError } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskType } from '../../gen/autosession/task/v1/task_pb.js';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { type RequestContext, tryGetContext } from '../../services/lib/runtime/request-context.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, unique } from '../support/factories.ts';

/** Session calls task-dispatch to create the task: the last hop of a create stands at its commit. */
const LAST_HOP_FAILPOINT = 'db.before-commit:task.create';
const DEADLINE_MS = 1_500;

/** Holds the request at its last hop until that is aborted; returns the context there. */
function blockAtLastHop(requestId: string) {
  const { promise, resolve } = Promise.withResolvers<RequestContext>();
  const armed = armFailpoint(LAST_HOP_FAILPOINT, async () => {
    const context = tryGetContext();
    if (context?.requestId !== requestId) return;
    resolve(context);
    await new Promise<void>((resume) => {
      context.signal?.addEventListener('abort', () => resume(), { once: true });
    });
    context.signal?.throwIfAborted();
  });
  return { reached: promise, [Symbol.dispose]: () => armed[Symbol.dispose]() };
}

function request() {
  const body = sessionBody();
  return {
    accountId: body.account_id,
    shopId: body.shop_id,
    shopName: body.shop_name,
    taskType: TaskType.AUTO_BARGAIN,
    externalTaskId: body.external_task_id,
    sendContent: body.send_content,
  };
}

onEveryBackend('through every hop', (system) => {
  it('travels the deadline of a call, and ends the work there', async () => {
    const requestId = `deadline-${unique()}`;
    using held = blockAtLastHop(requestId);
    const began = performance.now();
    const call = system()
      .rpc(SessionService)
      .createSession(request(), { timeoutMs: DEADLINE_MS, headers: { 'x-request-id': requestId } })
      .catch((error) => ConnectError.from(error));
    const { deadline, signal } = await held.reached;
    expect(deadline).toBeGreaterThan(began);
    expect(deadline).toBeLessThanOrEqual(performance.now() + DEADLINE_MS);
    expect(await call).toMatchObject({ code: Code.DeadlineExceeded });
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  it('travels the cancel of a call', async () => {
    const requestId = `cancel-${unique()}`;
    using held = blockAtLastHop(requestId);
    const leaving = new AbortController();
    const call = system()
      .rpc(SessionService)
      .createSession(request(), { signal: leaving.signal, headers: { 'x-request-id': requestId } })
      .catch((error) => ConnectError.from(error));
    const { signal } = await held.reached;
    expect(signal?.aborted).toBe(false);
    leaving.abort();
    expect(await call).toMatchObject({ code: Code.Canceled });
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  it('travels the end of a REST caller’s connection', async () => {
    const requestId = `gone-${unique()}`;
    using held = blockAtLastHop(requestId);
    const leaving = new AbortController();
    const call = fetch(`${system().rest.baseUrl}/api/sessions/create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
      body: JSON.stringify(sessionBody()),
      signal: leaving.signal,
    }).catch((error: Error) => error.name);
    const { signal } = await held.reached;
    leaving.abort();
    expect(await call).toBe('AbortError');
    await expect.poll(() => signal?.aborted).toBe(true);
  });
});
