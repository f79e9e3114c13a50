import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { describe, expect, it } from 'vitest';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';

const ORIGIN = 'https://workbench.example';
const KEY = 'key-of-the-page-0123456789abcdef';
const GET_TASK = '/autosession.task.v1.TaskService/GetTask';

const AUTOSESSION_API_KEYS = JSON.stringify([{ key: KEY, name: 'page-1', tenant: 'default', scopes: ['admin'] }]);
const AUTOSESSION_CORS_ORIGINS = `http://localhost:5173, ${ORIGIN}`;

onEveryBackend(
  'a page of an allowed origin',
  (system) => {
    const url = (path: string) => `${system().rest.baseUrl}${path}`;
    const from = (origin: string, path: string, init: RequestInit = {}) =>
      fetch(url(path), { ...init, headers: { 'x-api-key': KEY, ...(init.headers as object), origin } });

    const readable = (headers: Headers) => ({
      origin: headers.get('access-control-allow-origin'),
      varies: headers.get('vary')?.toLowerCase().includes('origin'),
    });
    const allowed = { origin: ORIGIN, varies: true };

    it.each([
      ['an answer', 200, '/api/tasks/stats', {}],
      ['an unknown key', 401, '/api/tasks/stats', { headers: { 'x-api-key': 'none' } }],
      ['an unknown id', 404, '/api/tasks/tsk_none', {}],
      ['an unknown route', 404, '/api/nothing', {}],
      ['a bad query', 400, '/api/tasks?status=lost', {}],
      ['a path that is not UTF-8', 400, '/api/tasks/%B5', {}],
      ['another method', 405, '/api/tasks/stats', { method: 'DELETE' }],
      [
        'a media type that is not read',
        415,
        '/api/sessions/create',
        { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } },
      ],
      [
        'an error of Connect',
        404,
        GET_TASK,
        { method: 'POST', body: '{"taskId":"tsk_none"}', headers: { 'content-type': 'application/json' } },
      ],
      [
        'an unreadable request of Connect',
        400,
        GET_TASK,
        { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
      ],
      [
        'an error of gRPC-Web',
        200,
        GET_TASK,
        { method: 'POST', body: '', headers: { 'content-type': 'application/grpc-web+proto' } },
      ],
    ] as [string, number, string, RequestInit][])('may read %s', async (_, status, path, init) => {
      const answer = await from(ORIGIN, path, init);
      expect(answer.status).toBe(status);
      expect(readable(answer.headers)).toEqual(allowed);
      const exposed = answer.headers.get('access-control-expose-headers')?.toLowerCase().split(', ') ?? [];
      expect(exposed).toEqual(expect.arrayContaining(['x-request-id', 'retry-after', 'grpc-status', 'grpc-message']));
    });

    it('may read a stream', async () => {
      const page = new AbortController();
      const stream = await from(ORIGIN, '/api/events/stream', { signal: page.signal });
      expect([stream.status, readable(stream.headers)]).toEqual([200, allowed]);
      page.abort();
    });

    it.each([
      ['Connect', createConnectTransport],
      ['gRPC-Web', createGrpcWebTransport],
    ] as [string, (options: { baseUrl: string }) => Transport][])('may call by %s', async (_, transport) => {
      const client = createClient(TaskService, transport({ baseUrl: system().rest.baseUrl }));
      let headers: Headers | undefined;
      await client.getTaskStats(
        {},
        { headers: { origin: ORIGIN, 'x-api-key': KEY }, onHeader: (all) => (headers = all) },
      );
      expect(readable(headers ?? new Headers())).toEqual(allowed);
    });

    const preflight = (origin: string, path: string, method = 'POST') =>
      fetch(url(path), {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
      });

    it.each(['/api/sessions/create', '/api/tasks/stats', '/api/events/stream', GET_TASK])(
      'needs no key for the preflight of %s',
      async (path) => {
        const answer = await preflight(ORIGIN, path);
        expect([answer.status, readable(answer.headers)]).toEqual([204, allowed]);
        const list = (name: string) => answer.headers.get(name)?.toLowerCase().split(', ');
        expect(list('access-control-allow-methods')).toEqual(['get', 'post', 'put', 'patch', 'delete']);
        expect(list('access-control-allow-headers')).toEqual(
          expect.arrayContaining([
            'authorization',
            'x-api-key',
            'content-type',
            'idempotency-key',
            'x-lease-token',
            'x-grpc-web',
            'connect-protocol-version',
            'last-event-id',
          ]),
        );
        expect(Number(answer.headers.get('access-control-max-age'))).toBeGreaterThan(0);
      },
    );

    describe.each([
      'https://elsewhere.example',
      'https://workbench.example.elsewhere.example',
      'http://workbench.example',
      'https://workbench.example:444',
      'https://WORKBENCH.example',
      'null',
    ])('is not one of %s', (origin) => {
      it('which may read nothing, also through caches', async () => {
        const answer = await from(origin, '/api/tasks/stats');
        expect(readable(answer.headers)).toEqual({ origin: null, varies: true });
        expect(answer.headers.get('access-control-expose-headers')).toBeNull();
      });

      it('whose preflight is not allowed', async () => {
        for (const path of ['/api/sessions/create', GET_TASK])
          expect(readable((await preflight(origin, path)).headers).origin).toBeNull();
      });
    });
  },
  { env: { AUTOSESSION_API_KEYS, AUTOSESSION_CORS_ORIGINS } },
);

onEveryBackend(
  'an allowed origin without API keys',
  (system) => {
    it('reaches nothing', async () => {
      for (const method of ['GET', 'OPTIONS']) {
        const headers = { origin: ORIGIN, 'access-control-request-method': 'GET' };
        const answer = await fetch(`${system().rest.baseUrl}/api/tasks/stats`, { method, headers });
        expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null]);
      }
    });

    it('is reported at the start', () => {
      expect(system().process.accessDescription).toContain('AUTOSESSION_CORS_ORIGINS');
    });
  },
  { env: { AUTOSESSION_CORS_ORIGINS } },
);

onEveryBackend(
  'without AUTOSESSION_CORS_ORIGINS',
  (system) => {
    it('no page of another origin reads anything', async () => {
      const headers = { origin: ORIGIN, 'x-api-key': KEY };
      const answer = await fetch(`${system().rest.baseUrl}/api/tasks/stats`, { headers });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    });
  },
  { env: { AUTOSESSION_API_KEYS } },
);
