import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

/** While it is armed, the session service cannot raise the fence. */
const failRaiseFence = () =>
  armFailpoint('call:TaskService/RaiseFence', () => {
    throw new Error('unreachable');
  });

/** The commands that change control, and those that must precede them. */
const commands: [name: string, before: string[], path: (id: string) => string, body: (id: string) => object][] = [
  ['escalate', [], () => '/api/manual/escalate', (id) => ({ session_id: id })],
  ['takeover', [], (id) => `/api/sessions/${id}/takeover`, () => ({ agent_id: 'a', agent_name: '王' })],
  ['release', ['takeover'], (id) => `/api/sessions/${id}/release`, () => ({ agent_id: 'a' })],
  ['pause', [], (id) => `/api/sessions/${id}/pause`, () => ({})],
  ['resume', ['pause'], (id) => `/api/sessions/${id}/resume`, () => ({})],
  ['close', [], (id) => `/api/sessions/${id}/close`, () => ({ outcome: 'cancelled' })],
];

onEveryBackend('while the fence cannot be raised', (system) => {
  const request = (name: string, id: string, headers: Record<string, string> = {}) => {
    const [, , path, body] = commands.find(([known]) => known === name)!;
    return system().rest.post(path(id), body(id), headers);
  };

  it.each(commands)('no answer to %s, no repeat and no read reports the control', async (name, before) => {
    const { rest, rpc } = system();
    const { create } = flowSteps(system());
    const { body, data } = await create();
    const id = data.session_id as string;
    for (const earlier of before) await rest.ok(request(earlier, id));
    const open = `/api/sessions/open?account_id=${body.account_id}&shop_name=${encodeURIComponent(body.shop_name)}`;
    const key = { 'idempotency-key': unique() };
    const ask = {
      'the command': () => request(name, id),
      'the command with its key': () => request(name, id, key),
      status: () => rest.get(`/api/sessions/${id}/status`),
      'the slot': () => rest.get(open),
      'a repeated creation': () => rest.post('/api/sessions/create', body),
      archive: () => rest.post(`/api/sessions/${id}/archive`),
    };
    {
      using _ = failRaiseFence();
      expect((await ask['the command with its key']()).status).toBe(503);
      for (const [what, send] of Object.entries(ask)) {
        // a closed session holds no slot and repeats no creation; an open one cannot be archived
        if (name === 'close' ? what === 'the slot' || what === 'a repeated creation' : what === 'archive') continue;
        expect(`${what}: ${(await send()).status}`).toBe(`${what}: 503`);
      }
      const read = rpc(SessionService).getSession({ sessionId: id });
      await expect(read).rejects.toThrow();
    }
    await rest.ok(ask['the command with its key']());
    await rest.ok(ask.status());
  });

  it('a read during a slow takeover raises the fence itself', async () => {
    const { rest } = system();
    const { body, data } = await flowSteps(system()).create();
    const lease = await flowSteps(system()).claim(body.account_id);
    const slow = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let first = true;
    using _ = armFailpoint('call:TaskService/RaiseFence', () => {
      if (!first) return;
      first = false;
      begun.resolve();
      return slow.promise;
    });
    const takeover = rest.ok(flowSteps(system()).takeOver(data.session_id));
    await begun.promise;
    expect((await flowSteps(system()).status(data.session_id)).status).toBe('manual_live');
    expect((await flowSteps(system()).sendInfo(lease.task_id, lease.lease_token)).body.error_code).toBe('HANDED_OVER');
    slow.resolve();
    expect((await takeover).possibly_sent).toEqual([]);
  });
});

onEveryBackend('a session that closed without raising the fence', (system) => {
  /** A bot's session that has run out with a leased task, closed by `by` while the fence could not be raised. */
  const closeWithoutFence = async (by: (body: Record<string, unknown>) => Promise<number>) => {
    const { create, claim } = flowSteps(system());
    const { body } = await create({ max_inactive_minutes: 1 });
    const lease = await claim(body.account_id);
    // nothing else raises the fence: its event waits too
    const waiting = Promise.withResolvers<void>();
    using stack = new DisposableStack();
    stack.defer(waiting.resolve);
    stack.use(armFailpoint('relay.before-publish', () => waiting.promise));
    system().clock.advance({ seconds: 70 });
    using _ = failRaiseFence();
    expect(await by(body)).toBe(503);
    const events = stack.move();
    return { body, lease, [Symbol.dispose]: () => events.dispose() };
  };
  const manual = { task_type: 'manual_urgent', send_content: '请回电', external_task_id: 'ext' };

  it('does not let the bot send beside the human of the next session, opened by upstream', async () => {
    const { rest } = system();
    const { sendInfo } = flowSteps(system());
    const ask = async (body: object) => (await rest.post('/api/sessions/create', { ...body, ...manual })).status;
    using closed = await closeWithoutFence(ask);
    expect(await ask(closed.body)).toBe(200);
    expect((await sendInfo(closed.lease.task_id, closed.lease.lease_token)).body.error_code).toBe('TASK_DONE');
  });

  it('does not let the bot send beside the human of the next session, opened by a message', async () => {
    const { rest } = system();
    const { sendInfo } = flowSteps(system());
    let window: ChatWindow | undefined;
    const ask = async (body: Record<string, unknown>) => {
      window ??= new ChatWindow(body as never, () => system().clock.now()).shop('在吗');
      return (await rest.post('/api/messages/batch', { ...window.batch(), account_id: body.account_id })).status;
    };
    using closed = await closeWithoutFence(ask);
    expect(await ask(closed.body)).toBe(200);
    expect((await sendInfo(closed.lease.task_id, closed.lease.lease_token)).body.error_code).toBe('TASK_DONE');
  });
});
