import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { CHAT_TOKEN_SECRET, chatTokenHeaders } from '../support/http/chat-token.ts';
import { restClient } from '../support/http/rest-client.ts';
import { slowBodiesOverHttp1, slowBodiesOverHttp2 } from '../support/http/slow-body-clients.ts';
import type { TestSystem } from '../support/test-system.ts';

const RPC = '/autosession.task.v1.TaskService/GetTaskStats';
/** More than there are permits. */
const COUNT = 80;
const key = 'key-of-upstream-0123456789abcdef';
const AUTOSESSION_API_KEYS = JSON.stringify([{ key, name: 'upstream-1', tenant: 'default', scopes: ['upstream'] }]);
const chat = await chatTokenHeaders('visitor-1');
const AUTOSESSION_MAX_WAIT_MS = '500';

const answer = (system: TestSystem, headers: Record<string, string>) => {
  const rest = restClient(system.rest.baseUrl, headers);
  const client = createClient(TaskService, createGrpcTransport({ baseUrl: system.rpcUrl }));
  return Promise.all([
    rest.get('/api/tasks/stats').then(({ status }) => status),
    client.getTaskStats({}, { headers }).then(
      () => 'ok',
      (error) => String(error),
    ),
  ]);
};

const SERVED = [200, 'ok'];

const suite = (slow: Record<string, string>, others: Record<string, string>) => (system: () => TestSystem) => {
  it.each([
    ['REST', '/api/manual/escalate', 'application/json'],
    ['Connect', RPC, 'application/json'],
  ])('does not delay other callers, over %s on HTTP/1.1', async (_, path, type) => {
    const { baseUrl } = system().rest;
    using senders = slowBodiesOverHttp1({ baseUrl, path, count: COUNT, headers: { ...slow, 'content-type': type } });
    await senders.started;
    expect(await answer(system(), others)).toEqual(SERVED);
  });

  it.each([
    ['gRPC', 'application/grpc'],
    ['gRPC-Web', 'application/grpc-web+proto'],
    ['Connect', 'application/proto'],
  ])('does not delay other callers, over %s on one HTTP/2 connection', async (_, type) => {
    const baseUrl = system().rpcUrl;
    using senders = slowBodiesOverHttp2({
      baseUrl,
      path: RPC,
      count: COUNT,
      headers: { ...slow, 'content-type': type },
    });
    await senders.started;
    expect(await answer(system(), others)).toEqual(SERVED);
  });

  it('that reads no answer does not delay other callers', async () => {
    const session = connectHttp2(system().rpcUrl, { settings: { initialWindowSize: 0 } });
    const head = { ':method': 'POST', ':path': RPC, 'content-type': 'application/json', ...slow };
    const streams = Array.from({ length: COUNT }, () => session.request(head).end('{}'));
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    expect(await answer(system(), others)).toEqual(SERVED);
    session.destroy();
  });
};

const env = { AUTOSESSION_MAX_WAIT_MS };
const withKeys = { ...env, AUTOSESSION_API_KEYS, AUTOSESSION_JWT_SECRET: CHAT_TOKEN_SECRET };
const upstream = { 'x-api-key': key };

onEveryBackend('where no key is needed, a caller whose bodies do not arrive', suite({}, {}), { env });
onEveryBackend('a caller without a key whose bodies do not arrive', suite({}, upstream), { env: withKeys });
onEveryBackend('a caller with a chat token whose bodies do not arrive', suite(chat, upstream), {
  env: withKeys,
});
onEveryBackend('a caller whose bodies do not arrive and others with the same key', suite(upstream, upstream), {
  env: withKeys,
});

onEveryBackend(
  'a request that will be refused',
  (system) => {
    /** The answer to headers and one byte of a body. */
    const firstAnswer = async (path: string, headers: readonly string[] = []): Promise<string> => {
      const { port, hostname, host } = new URL(system().rest.baseUrl);
      const socket = connect(Number(port), hostname);
      const lines = [`POST ${path} HTTP/1.1`, `host: ${host}`, 'content-type: application/json', ...headers];
      socket.write(`${lines.join('\r\n')}\r\ncontent-length: 1000\r\n\r\n{`);
      const [chunk] = await once(socket, 'data');
      socket.destroy();
      return String(chunk).split('\r\n', 1)[0] ?? '';
    };

    it.each([
      ['a path without a route', '/api/nothing/here', 'HTTP/1.1 404 Not Found'],
      ['a path that has no POST', '/api/tasks/stats', 'HTTP/1.1 405 Method Not Allowed'],
      ['a route, without a key', '/api/sessions/create', 'HTTP/1.1 401 Unauthorized'],
      ['an RPC, without a key', RPC, 'HTTP/1.1 401 Unauthorized'],
    ])('is answered before its body has come: %s', async (_, path, status) => {
      expect(await firstAnswer(path)).toBe(status);
    });

    it('is answered before its body arrives: a route that is not for the caller', async () => {
      const header = `authorization: ${chat.authorization}`;
      expect(await firstAnswer('/api/sessions/create', [header])).toBe('HTTP/1.1 403 Forbidden');
    });

    describe.each([
      ['gRPC', 'application/grpc', { 'grpc-status': '16' }, 'trailers'],
      ['Connect', 'application/json', { ':status': 401 }, 'response'],
    ])('over %s on HTTP/2', (_, type, expected, where) => {
      it('is answered before its body arrives', async () => {
        const session = connectHttp2(system().rpcUrl);
        const stream = session.request({ ':method': 'POST', ':path': RPC, 'content-type': type });
        stream.write(Buffer.of(0));
        const closed = once(stream.resume(), 'close');
        expect((await once(stream, where))[0]).toMatchObject(expected);
        await closed; // the server does not wait for the rest
        session.destroy();
      });
    });
  },
  { env: withKeys },
);
