import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';
import type { RestResponse } from '../support/http/rest-client.ts';

/** The form of every error. */
function expectProblem(answer: RestResponse, status: number, reason: string): void {
  expect([answer.status, answer.body.error_code]).toEqual([status, reason]);
  expect(answer.body).toMatchObject({ success: false });
  expect(answer.body.detail.startsWith(`${reason}: `)).toBe(true);
  expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
  expect(typeof answer.body.message).toBe('string');
}

onEveryBackend('bad input', (system) => {
  const json = { 'content-type': 'application/json' };

  it.each([
    ['a missing field', { account_id: undefined }, 'account_id'],
    ['an empty field', { shop_name: '' }, 'shop_name'],
    ['spaces at the edge', { shop_name: ' 店铺 ' }, 'shop_name'],
    ['a control character', { external_task_id: 'a\u0000b' }, 'external_task_id'],
    ['a wrong type', { shop_name: { name: 'x' } }, 'shop_name'],
    ['an unknown word', { task_type: 'auto_dance' }, 'task_type'],
    ['an invalid level', { level: 'level9' }, 'level'],
    ['too long an id', { account_id: 'a'.repeat(101) }, 'account_id'],
    ['too long a content', { send_content: '长'.repeat(6_000) }, 'send_content'],
    ['a number out of range', { max_attempts: 0 }, 'max_attempts'],
    ['text instead of a number', { max_inactive_minutes: 'many' }, 'max_inactive_minutes'],
    ['an invalid time', { not_before_at: 'tomorrow' }, 'not_before_at'],
    ['a time that databases cannot store', { not_before_at: '9999-12-31T23:59:59-12:00' }, 'not_before_at'],
    ['a time before the first one', { not_before_at: '0000-01-01T00:00:00Z' }, 'not_before_at'],
  ])('refuses %s and changes nothing', async (_, over, field) => {
    const { rest } = system();
    const body = sessionBody(over);
    const answer = await rest.post('/api/sessions/create', body);
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
    expect(answer.data.field).toBe(field);
    const fixed = { ...sessionBody(), account_id: body.account_id ?? 'x' };
    if (fixed.account_id.length <= 100) {
      const open = await rest.ok(rest.get(`/api/sessions/open?account_id=${fixed.account_id}&shop_id=${body.shop_id}`));
      expect(open.has_active_session).toBe(false);
    }
  });

  it('refuses a bot’s session without content', async () => {
    const answer = await system().rest.post('/api/sessions/create', sessionBody({ send_content: '  ' }));
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
    expect(answer.data.field).toBe('send_content');
  });

  it('accepts names with invisible joiners', async () => {
    const body = sessionBody();
    const { session_id: id } = await system().rest.ok(
      system().rest.post('/api/sessions/create', { ...body, shop_name: `👨‍👩‍👧 ${body.shop_name}` }),
    );
    expect(id).toMatch(/^ses_/);
  });

  it('refuses a pause until a time that databases cannot store', async () => {
    const { rest } = system();
    const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    const answer = await rest.post(`/api/sessions/${id}/pause`, { resume_at: '9999-12-31T23:59:59-12:00' });
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
    expect((await rest.ok(rest.get(`/api/sessions/${id}/status`))).session_state).toBe('pending');
  });

  it('refuses a body that is not JSON, or not an object', async () => {
    const { rest } = system();
    for (const body of ['{"account_id": ', '[]', '"text"', '7', 'null'])
      expectProblem(await rest.send('POST', '/api/sessions/create', { body, headers: json }), 400, 'MALFORMED_BODY');
  });

  it('refuses a body of 2 MiB', async () => {
    const body = JSON.stringify(sessionBody({ send_content: 'x'.repeat(2 * 1024 * 1024) }));
    expectProblem(await system().rest.send('POST', '/api/sessions/create', { body, headers: json }), 413, 'TOO_LARGE');
  });

  it('answers a client that writes its whole request before it reads that the body is too large', async () => {
    const url = new URL('/api/sessions/create', system().rest.baseUrl);
    const body = Buffer.alloc(8 * 1024 * 1024, 'x');
    const socket = connect(Number(url.port), url.hostname);
    socket.pause();
    socket.write(`POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: ${body.length}\r\n\r\n`);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.write(body, () => resolve());
    });
    const [answer] = await once(socket.resume(), 'data');
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 .*"error_code":"TOO_LARGE"/s);
  });

  it('refuses another media type', async () => {
    const headers = { 'content-type': 'text/xml' };
    const answer = await system().rest.send('POST', '/api/sessions/create', { body: '<a/>', headers });
    expectProblem(answer, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('names the methods of a path', async () => {
    const answer = await system().rest.send('DELETE', '/api/sessions/create');
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toContain('POST');
    expectProblem(await system().rest.get('/api/nothing/here'), 404, 'ROUTE_NOT_FOUND');
  });

  it('says what does not exist', async () => {
    const { rest } = system();
    expectProblem(await rest.get('/api/sessions/ses_none/status'), 404, 'SESSION_NOT_FOUND');
    expectProblem(await rest.get('/api/sessions/ses_none/messages'), 404, 'SESSION_NOT_FOUND');
    expectProblem(await rest.post('/api/sessions/ses_none/complete', { success: true }), 404, 'SESSION_NOT_FOUND');
    expectProblem(await rest.get('/api/tasks/tsk_none'), 404, 'TASK_NOT_FOUND');
    expectProblem(await rest.get('/api/tasks/tsk_none/send_info'), 404, 'TASK_NOT_FOUND');
    expectProblem(await rest.get(`/api/sessions/${'s'.repeat(101)}/status`), 400, 'INVALID_ARGUMENT');
  });

  it('refuses an empty batch, and one of over 1000 messages', async () => {
    const { rest } = system();
    const batch = (messages: unknown) => rest.post('/api/messages/batch', { shop_name: '店', messages });
    expectProblem(await batch([]), 400, 'INVALID_ARGUMENT');
    expectProblem(await batch('text'), 400, 'INVALID_ARGUMENT');
    const message = { id: '1', nick: 'n', content: 'c' };
    expectProblem(await batch(Array(1_001).fill(message)), 400, 'INVALID_ARGUMENT');
  });

  it('refuses queries that are out of range', async () => {
    const { rest } = system();
    for (const query of ['wait_seconds=31', 'wait_seconds=-1', 'wait_seconds=x'])
      expectProblem(await rest.get(`/api/tasks/next_id?${query}`), 400, 'INVALID_ARGUMENT');
    expectProblem(await rest.get('/api/tasks?status=lost'), 400, 'INVALID_ARGUMENT');
    expectProblem(await rest.get('/api/tasks?page_token=%00'), 400, 'INVALID_ARGUMENT');
    expectProblem(await rest.get('/api/tasks?page_size=201'), 400, 'INVALID_ARGUMENT');
  });

  it('requires the outcome in a report', async () => {
    const { rest } = system();
    const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    expectProblem(await rest.post(`/api/sessions/${id}/complete`, {}), 400, 'INVALID_ARGUMENT');
    expectProblem(await rest.post(`/api/sessions/${id}/complete`, { success: 'yes' }), 400, 'INVALID_ARGUMENT');
    expect((await rest.ok(rest.get(`/api/sessions/${id}/status`))).task_status).toBe('pending');
  });

  it('answers in English on request', async () => {
    const { rest } = system();
    const chinese = await rest.get('/api/sessions/ses_none/status');
    const english = await rest.get('/api/sessions/ses_none/status', { 'accept-language': 'en-US,en;q=0.9' });
    expect(chinese.body.message).toMatch(/\p{Script=Han}/u);
    expect(english.body.message).not.toMatch(/\p{Script=Han}/u);
  });
});
