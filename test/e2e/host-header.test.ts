import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';

const METHOD = '/autosession.task.v1.TaskService/GetTaskStats';

onEveryBackend('a request that names two hosts', (system) => {
  const rawAnswer = async (lines: readonly string[]): Promise<string> => {
    const { port, hostname, host } = new URL(system().rest.baseUrl);
    const socket = connect(Number(port), hostname);
    socket.write(`${lines.join('\r\n').replaceAll('HOST', host)}\r\nconnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return answer;
  };

  const rpcHeaders = async (headers: Record<string, string | string[]>) => {
    const session = connectHttp2(system().rpcUrl);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': new URL(system().rpcUrl).host,
      ...headers,
    });
    const [head] = await once(stream.end('{}'), 'response');
    stream.resume();
    session.destroy();
    return head;
  };

  it.each([
    ['the same host twice', ['GET /api/tasks/stats HTTP/1.1', 'Host: HOST', 'host: HOST']],
    ['another one second', ['GET /api/tasks/stats HTTP/1.1', 'host: HOST', 'host: elsewhere.example']],
    ['one that is empty', ['GET /health HTTP/1.1', 'host: HOST', 'host:']],
    ['over Connect', [`GET ${METHOD}?connect=v1&encoding=json&message=%7B%7D HTTP/1.1`, 'host: HOST', 'host: HOST']],
    ['another one in the request line', ['GET http://elsewhere.example/api/tasks/stats HTTP/1.1', 'host: HOST']],
    ['on a path without a route', ['GET /nowhere HTTP/1.1', 'host: HOST', 'host: HOST']],
  ])('is refused with the error envelope: %s', async (_, lines) => {
    const answer = await rawAnswer(lines);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    const { success, error_code, data } = JSON.parse(answer.slice(answer.indexOf('{')));
    expect([success, error_code, data.field]).toEqual([false, 'INVALID_ARGUMENT', 'host']);
  });

  it('is served when the request line names the host of the header', async () => {
    expect(await rawAnswer(['GET http://HOST/api/tasks/stats HTTP/1.1', 'host: HOST'])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is refused over HTTP/2 with Connect', async () => {
    const head = await rpcHeaders({ host: 'elsewhere.example', 'content-type': 'application/json' });
    expect(head[':status']).toBe(400);
  });

  it('is refused over HTTP/2 with gRPC', async () => {
    const head = await rpcHeaders({ host: 'elsewhere.example', 'content-type': 'application/grpc' });
    expect([head[':status'], head['grpc-status']]).toEqual([200, '3']);
  });

  it('is served over HTTP/2 when both are equal', async () => {
    const { host } = new URL(system().rpcUrl);
    expect((await rpcHeaders({ host, 'content-type': 'application/json' }))[':status']).toBe(200);
  });
});
