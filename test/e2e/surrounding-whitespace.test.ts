import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { sendRawHttp } from '../support/http/raw-http.ts';
import type { RestResponse } from '../support/http/rest-client.ts';

onEveryBackend('spaces at the ends of a text', (system) => {
  const expectRefused = ({ status, body, data }: RestResponse, field: string) =>
    expect([status, body.error_code, data?.field]).toEqual([400, 'INVALID_ARGUMENT', field]);

  it('do not make two workers out of one', async () => {
    const { create, claim, sendInfo } = flowSteps(system());
    const { body } = await create();
    for (const worker of ['W%20', '%20W', 'W%E3%80%80', 'W%C2%A0', 'W%09'])
      expectRefused(await system().rest.get(`/api/tasks/next_id?worker_id=${worker}`), 'worker_id');
    const lease = await claim(body.account_id, '&worker_id=W');
    expect((await sendInfo(lease.task_id, lease.lease_token)).status).toBe(200);
  });

  it('are refused by gRPC and by REST', async () => {
    const tasks = system().rpc(TaskService);
    const sessions = system().rpc(SessionService);
    for (const call of [
      tasks.claimNextTask({ workerId: 'W ' }),
      tasks.getTask({ taskId: 'tsk_1\u3000' }),
      sessions.getSession({ sessionId: '\tses_1' }),
      sessions.takeOverSession({ session: 'ses_1', agentId: 'agent_01 ', agentName: '小王' }),
    ])
      await expect(call).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('are refused in a path, a query and a body', async () => {
    const { rest } = system();
    expectRefused(await rest.get('/api/tasks/tsk_1%20/send_info'), 'task_id');
    expectRefused(await rest.get('/api/sessions/%E3%80%80ses_1/status'), 'session_id');
    expectRefused(await rest.get('/api/sessions/open?account_id=a&shop_name=%C2%A0b'), 'shop_name');
    expectRefused(await rest.post('/api/sessions/ses_1/complete', { success: true, task_id: 'tsk_1 ' }), 'task_id');
    expectRefused(await rest.post('/api/sessions/create', sessionBody({ idempotency_key: 'k ' })), 'idempotency_key');
  });

  it('are refused in the header Idempotency-Key', async () => {
    const body = JSON.stringify(sessionBody());
    const head = `POST /api/sessions/create HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}`;
    const text = `${head}\r\nidempotency-key: k\u00a0\r\n\r\n${Buffer.from(body).toString('latin1')}`;
    const answer = await sendRawHttp(system().rest.baseUrl, text);
    expect([answer.status, answer.body.data]).toEqual([400, expect.objectContaining({ field: 'idempotency_key' })]);
  });

  it('do not affect a UTF-8 key, which is equal in the header and in the body', async () => {
    const key = `创建-${sessionBody().account_id}`;
    const body = JSON.stringify(sessionBody({ idempotency_key: key }));
    const head = `POST /api/sessions/create HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}`;
    const bytes = (text: string) => Buffer.from(text).toString('latin1');
    const answer = await sendRawHttp(
      system().rest.baseUrl,
      `${head}\r\nidempotency-key: ${bytes(key)}\r\n\r\n${bytes(body)}`,
    );
    expect([answer.status, answer.body.success]).toEqual([200, true]);
  });

  it('make one message of a batch invalid at its id, and none at the nick of its sender', async () => {
    const { create, upload } = flowSteps(system());
    const { body } = await create();
    const window = new ChatWindow(body, () => system().clock.now()).shop('在吗').shop('你好');
    const [first, second] = window.messages;
    if (first) first.id += ' ';
    if (second) second.nick = `\u3000${second.nick} `;
    const answer = await upload(window);
    expect(answer.errors.map(({ error_code }: { error_code: string }) => error_code)).toEqual(['INVALID_ARGUMENT']);
    expect(answer.messages.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['invalid', 'stored']);
    const { messages } = await system().rest.ok(
      system().rest.get(`/api/sessions/${answer.active_session_id}/messages`),
    );
    expect(messages.at(-1)).toMatchObject({ sender: body.shop_name, role: 'shop' });
  });

  it('and other invalid URLs are refused in send_url', async () => {
    const { rest } = system();
    for (const send_url of [
      'javascript:alert(1)',
      '//chat.example',
      ' https://chat.example/',
      'https://a:b@chat.example/',
    ])
      expectRefused(await rest.post('/api/sessions/create', sessionBody({ send_url })), 'send_url');
    const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody({ send_url: '' })));
    const task = { external_task_id: 'next', send_content: '还在吗', send_url: 'file:///etc/passwd' };
    expectRefused(await rest.post(`/api/sessions/${id}/tasks`, task), 'send_url');
  });
});
