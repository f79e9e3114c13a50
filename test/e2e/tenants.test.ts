import { expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';

onEveryBackend('two tenants', (system) => {
  it('have separate sessions for the same account and shop, under the same idempotency key', async () => {
    const a = system().restAs('tenant-a');
    const b = system().restAs('tenant-b');
    const body = sessionBody();
    const key = { 'idempotency-key': unique() };
    const first = await a.ok(a.post('/api/sessions/create', body, key));
    const second = await b.ok(b.post('/api/sessions/create', { ...body, send_content: '别的' }, key));
    expect(second.session_id).not.toBe(first.session_id);
    const claimed = await a.get(`/api/tasks/next_id?account_id=${body.account_id}`);
    expect(claimed.data.task_id).toBe(first.task_id);
  });

  it('never see each other on any route', async () => {
    const a = system().restAs('tenant-a');
    const b = system().restAs('tenant-b');
    const body = sessionBody();
    const { session_id: session, task_id: task } = await a.ok(a.post('/api/sessions/create', body));
    await a.ok(a.post('/api/messages/batch', new ChatWindow(body).shop('秘密').batch({ account_id: body.account_id })));

    const agent = { agent_id: 'x', agent_name: 'x' };
    const byId: [string, string, unknown][] = [
      ['GET', `/api/sessions/${session}/status`, undefined],
      ['GET', `/api/sessions/${session}/messages`, undefined],
      ['GET', `/api/sessions/${session}/events`, undefined],
      ['POST', `/api/sessions/${session}/tasks`, { external_task_id: 'e', send_content: 'c' }],
      ['POST', `/api/sessions/${session}/complete`, { success: true }],
      ['POST', `/api/sessions/${session}/close`, {}],
      ['POST', `/api/sessions/${session}/pause`, {}],
      ['POST', `/api/sessions/${session}/resume`, {}],
      ['POST', `/api/sessions/${session}/archive`, {}],
      ['POST', '/api/manual/escalate', { session_id: session }],
      ['POST', `/api/sessions/${session}/takeover`, agent],
      ['POST', `/api/sessions/${session}/release`, agent],
      ['GET', `/api/tasks/${task}`, undefined],
      ['GET', `/api/tasks/${task}/send_info`, undefined],
      ...['extend', 'fail', 'requeue', 'cancel', 'complete'].map((verb): [string, string, unknown] => [
        'POST',
        `/api/tasks/${task}/${verb}`,
        { lease_token: 't' },
      ]),
    ];
    for (const [method, path, sent] of byId) {
      const answer = await b.send(method, path, {
        body: sent === undefined ? undefined : JSON.stringify(sent),
        headers: sent === undefined ? {} : { 'content-type': 'application/json' },
      });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(JSON.stringify(answer.body)).not.toContain(body.shop_name);
    }
    const lists = [
      `/api/tasks/next_id?account_id=${body.account_id}`,
      '/api/tasks/pending?limit=200',
      '/api/tasks?page_size=200',
      '/api/tasks/stats',
      `/api/sessions/open?account_id=${body.account_id}&shop_id=${body.shop_id}`,
    ];
    for (const path of lists) {
      const text = JSON.stringify((await b.get(path)).body);
      expect(text).not.toContain(session);
      expect(text).not.toContain(task);
    }
    const untouched = await a.ok(a.get(`/api/sessions/${session}/status`));
    expect(untouched).toMatchObject({ status: 'bot_active', task_status: 'pending' });
    const handover = system().rpc(HandoverService, 'tenant-b');
    expect((await handover.listAuditEntries({ sessionId: session })).entries).toEqual([]);
  });

  it('see only their own events', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      const stream = system().rpc(EventService, 'tenant-b').watchEvents({}, { signal: stop.signal });
      for await (const { kind } of stream) if (kind.case === 'event') seen.push(kind.value.sessionId);
    })().catch(() => {});
    const frames = await system().restAs('tenant-b').stream('/api/events/stream', stop.signal);
    const a = system().restAs('tenant-a');
    const b = system().restAs('tenant-b');
    const foreign = await a.ok(a.post('/api/sessions/create', sessionBody()));
    const own = await b.ok(b.post('/api/sessions/create', sessionBody()));
    for await (const frame of frames) {
      expect(frame.data.session_id).not.toBe(foreign.session_id);
      if (frame.data.session_id === own.session_id) break;
    }
    stop.abort();
    await watching;
    expect(seen).not.toContain(foreign.session_id);
  });
});
