import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';
import { sendRawHttp } from '../support/http/raw-http.ts';

const CLOSE = 'connection: close\r\n\r\n';
const CREATE = 'POST /api/sessions/create HTTP/1.1\r\nhost: HOST\r\n';

onEveryBackend('the HTTP port', (system) => {
  const raw = (text: string) => sendRawHttp(system().rest.baseUrl, text);

  it.each([
    ['the health of HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n'],
    ['the health of HTTP/1.1', `GET /health HTTP/1.1\r\n${CLOSE}`],
    ['the older health path', `GET /api/health HTTP/1.1\r\n${CLOSE}`],
    ['liveness', 'GET /livez HTTP/1.0\r\n\r\n'],
    ['readiness', `HEAD /readyz HTTP/1.1\r\n${CLOSE}`],
    ['what is here', 'GET / HTTP/1.0\r\n\r\n'],
  ])('answers %s without a Host header', async (_, text) => {
    expect((await raw(text)).status).toBe(200);
  });

  describe.each([
    ['a request of HTTP/1.1 without a Host header', `GET /api/tasks HTTP/1.1\r\n${CLOSE}`, 400, 'INVALID_ARGUMENT'],
    [
      'an RPC without a Host header',
      'POST /autosession.task.v1.TaskService/GetTask HTTP/1.0\r\n\r\n',
      400,
      'INVALID_ARGUMENT',
    ],
    ['an invalid Host header', `GET /api/tasks HTTP/1.1\r\nhost: 127.0.0.1:%%\r\n${CLOSE}`, 400, 'INVALID_ARGUMENT'],
    ['raw bytes in the path', `GET /api/tasks/\xb5\xea HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`, 400, 'INVALID_ARGUMENT'],
    [
      'raw bytes in the query',
      `GET /api/accounts?name=\xb5\xea HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`,
      400,
      'INVALID_ARGUMENT',
    ],
    ['a path of GBK', `GET /api/tasks/%B5%EA HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`, 400, 'INVALID_ARGUMENT'],
    ['a query of GBK', `GET /api/accounts?name=%B5%EA HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`, 400, 'INVALID_ARGUMENT'],
    [
      'a query with a percent sign alone',
      `GET /api/accounts?name=5% HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`,
      400,
      'INVALID_ARGUMENT',
    ],
    [
      'half of a surrogate pair in a query',
      `GET /api/accounts?name=%ED%A0%80 HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`,
      400,
      'INVALID_ARGUMENT',
    ],
    [
      'headers that are too large',
      `GET /api/tasks HTTP/1.1\r\nhost: HOST\r\nx: ${'x'.repeat(20_000)}\r\n${CLOSE}`,
      431,
      'TOO_LARGE',
    ],
    [
      'a length beside chunks',
      `${CREATE}content-length: 2\r\ntransfer-encoding: chunked\r\n${CLOSE}{}`,
      400,
      'MALFORMED_BODY',
    ],
    ['two lengths', `${CREATE}content-length: 2\r\ncontent-length: 3\r\n${CLOSE}{}`, 400, 'MALFORMED_BODY'],
    ['an invalid chunk', `${CREATE}transfer-encoding: chunked\r\n${CLOSE}zz\r\n{}\r\n`, 400, 'MALFORMED_BODY'],
    ['an invalid method', `FOO /health HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`, 400, 'MALFORMED_BODY'],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'MALFORMED_BODY'],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'MALFORMED_BODY'],
    ['a tunnel', `CONNECT example.com:443 HTTP/1.1\r\nhost: HOST\r\n${CLOSE}`, 405, 'METHOD_NOT_ALLOWED'],
    [
      'a body that is sent as compressed',
      `${CREATE}transfer-encoding: gzip, chunked\r\n${CLOSE}2\r\n{}\r\n0\r\n\r\n`,
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
  ])('refuses %s', (_, text, status, reason) => {
    it('with the error envelope', async () => {
      const answer = await raw(text);
      expect([answer.status, answer.body.error_code]).toEqual([status, reason]);
      expect(answer.body).toMatchObject({ success: false, message: expect.stringMatching(/\p{Script=Han}/u) });
      expect(answer.body.detail).toMatch(new RegExp(`^${reason}: `));
      expect(answer.body).toHaveProperty('data');
      expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
    });
  });

  it('writes no error into a stream that has started', async () => {
    const { port, hostname, host } = new URL(system().rest.baseUrl);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /api/events/stream HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) {
      answer += chunk;
      if (answer.includes('retry: ')) socket.write('hello\r\n\r\n');
    }
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  });

  it('refuses a compressed body', async () => {
    const body = gzipSync(JSON.stringify(sessionBody()));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await system().rest.send('POST', '/api/sessions/create', { body, headers });
    expect([answer.status, answer.body.error_code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it('accepts a body with the encoding identity', async () => {
    const headers = { 'content-encoding': 'identity' };
    expect((await system().rest.post('/api/sessions/create', sessionBody(), headers)).status).toBe(200);
  });

  it('accepts UTF-8 queries, with spaces in either encoding', async () => {
    for (const query of ['name=%E5%BA%97', 'name=a+b', 'name=a%20b', 'name=店'])
      expect((await system().rest.get(`/api/accounts?${query}`)).status).toBe(200);
  });

  it('answers a request with an unknown expectation', async () => {
    const answer = await raw(`GET /health HTTP/1.1\r\nhost: HOST\r\nexpect: the-best\r\n${CLOSE}`);
    expect(answer.status).toBe(200);
  });
});
