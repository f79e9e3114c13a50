import { once } from 'node:events';
import { type ClientHttp2Stream, connect, constants } from 'node:http2';
import { type Socket, connect as tcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EventService } from '../../../../../gen/autosession/event/v1/event_service_pb.js';
import { SessionService } from '../../../../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorInfoSchema } from '../../../../../gen/google/rpc/error_details_pb.js';
import { Health } from '../../../../../gen/grpc/health/v1/health_pb.js';
import { allowAnonymous } from '../../../../../services/lib/auth/identity.ts';
import { healthRoutes } from '../../../../../services/lib/http/rpc/health.ts';
import type { ListeningServer } from '../../../../../services/lib/http/server/listening-server.ts';
import { listenRpc, MAX_RPC_BODY_BYTES } from '../../../../../services/lib/http/server/rpc-server.ts';
import { contextInterceptor } from '../../../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../../../services/lib/interceptors/observe.ts';
import { createLogger } from '../../../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';
import { systemClock } from '../../../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../../../services/lib/runtime/id-generator.ts';
import { callHttp2, envelope } from '../../../../support/http/raw-rpc.ts';

const GET_SESSION = `/${SessionService.typeName}/GetSession`;
const twoHosts = { ':authority': '127.0.0.1', host: 'elsewhere.example' };

describe('the RPC port', () => {
  const stop = new AbortController();
  const lines: { level: string; event?: string }[] = [];
  const logger = createLogger('debug', { write: (line) => void lines.push(JSON.parse(line)) });
  let server: ListeningServer;
  /** Resolved when a handler has started, and when it has ended. */
  let entered = Promise.withResolvers<void>();
  let left = Promise.withResolvers<void>();

  beforeAll(async () => {
    const health = healthRoutes([SessionService], async () => true, stop.signal);
    server = await listenRpc({
      routes: (router) => {
        router.service(SessionService, {
          getSession: async () => ({}),
          closeSession: async (_, { signal }) => {
            entered.resolve();
            await once(signal, 'abort').finally(left.resolve);
            throw signal.reason;
          },
        });
        router.service(EventService, {
          async *watchEvents() {
            try {
              for (;;) {
                yield { cursor: 'x'.repeat(100_000) };
                entered.resolve();
              }
            } finally {
              left.resolve();
            }
          },
        });
        health(router);
      },
      interceptors: [
        observeInterceptor({ logger, metrics: createMetrics(false) }),
        contextInterceptor({
          authenticate: allowAnonymous,
          internalSecret: 'secret',
          ids: createUlidGenerator(systemClock),
        }),
      ],
      internalSecret: 'secret',
      logger,
      host: '127.0.0.1',
      port: 0,
    });
  });
  afterAll(() => server.close(0));

  const errorOf = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error) => ConnectError.from(error),
    );
  const transport = () => createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` });

  it('gives an error that passed no interceptor its one ErrorInfo too', async () => {
    const client = createClient(SessionService, transport());
    const error = await errorOf(client.getSession({ sessionId: 'x'.repeat(MAX_RPC_BODY_BYTES + 1) }));
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(error?.findDetails(ErrorInfoSchema).map(({ reason }) => reason)).toEqual(['TOO_LARGE']);
  });

  it('takes more from the installation’s own services, since they tell on what came to them in several requests', async () => {
    const read = (secret: string) =>
      createClient(SessionService, transport()).getSession(
        { sessionId: 'x'.repeat(MAX_RPC_BODY_BYTES + 1) },
        { headers: { 'x-autosession-hop': secret } },
      );
    expect((await errorOf(read('other')))?.code).toBe(Code.ResourceExhausted);
    expect(await errorOf(read('secret'))).toBeUndefined();
  });

  it('says of a service that it does not know that it is not found', async () => {
    const client = createClient(Health, transport());
    expect((await errorOf(client.check({ service: 'autosession.nope' })))?.code).toBe(Code.NotFound);
    expect((await client.check({ service: SessionService.typeName })).status).toBe(1);
  });

  it.each(['%%%', '[::1', 'a:b:c'])('answers 400 to the authority %s, and keeps serving', async (authority) => {
    const session = connect(`http://127.0.0.1:${server.port}`);
    const path = `/${SessionService.typeName}/GetSession`;
    const call = session.request({
      ':method': 'POST',
      ':path': path,
      ':authority': authority,
      'content-type': 'application/proto',
    });
    call.end();
    const [headers] = await once(call, 'response');
    session.destroy();
    expect([headers[':status'], headers['x-request-id']]).toEqual([400, expect.stringMatching(/^req_/)]);
    expect(await errorOf(createClient(SessionService, transport()).getSession({ sessionId: 's' }))).toBeUndefined();
  });

  it.each([
    ['a path without an RPC', '/nothing.v1.Nothing/Do', 'application/grpc', 404, {}],
    ['two hosts, as Connect', GET_SESSION, 'application/proto', 400, twoHosts],
    ['two hosts, as gRPC', GET_SESSION, 'application/grpc', 200, twoHosts],
  ])('answers %s with the request id', async (_, path, type, status, hosts) => {
    const headers = { ...hosts, 'x-request-id': 'req-1' };
    const request = { path, type, headers, body: Buffer.alloc(0) };
    const answer = await callHttp2(`http://127.0.0.1:${server.port}`, request);
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'req-1']);
  });

  it('logs a request that cannot be read', async () => {
    lines.length = 0;
    const path = `/${SessionService.typeName}/GetSession`;
    const body = Buffer.from('0a7f', 'hex');
    const answer = await callHttp2(`http://127.0.0.1:${server.port}`, { path, type: 'application/proto', body });
    expect(answer.status).toBe(400);
    expect(lines).toEqual([
      expect.objectContaining({
        ...{ event: 'call_refused', status: 400, reason: 'MALFORMED_BODY', rpc: path.slice(1) },
        request_id: answer.headers.get('x-request-id'),
      }),
    ]);
  });

  const endings: [string, (stream: ClientHttp2Stream, socket: Socket) => unknown][] = [
    ['a closed connection', (_, socket) => socket.destroy()],
    ['a reset connection', (_, socket) => socket.resetAndDestroy()],
    ['bytes that are not HTTP/2', (_, socket) => socket.write(Buffer.alloc(500, 0xff))],
    [
      'a session that ends with an error',
      ({ session }) => session?.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR),
    ],
    ['a stream that is reset as cancelled', (stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ['a stream that is reset as a protocol error', (stream) => stream.close(constants.NGHTTP2_PROTOCOL_ERROR)],
    ['a stream that is reset as an internal error', (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
  ];
  const calls = [
    ['a call', `/${SessionService.typeName}/CloseSession`, 'application/grpc'],
    ['a call', `/${SessionService.typeName}/CloseSession`, 'application/proto'],
    ['a stream', `/${EventService.typeName}/WatchEvents`, 'application/grpc'],
    ['a stream', `/${EventService.typeName}/WatchEvents`, 'application/connect+proto'],
  ] as const;

  describe.each(calls)('reports no defect when its caller disconnects: %s to %s as %s', (_, path, type) => {
    it.each(endings)('%s', async (_, end) => {
      lines.length = 0;
      const complaints = vi.spyOn(console, 'error');
      [entered, left] = [Promise.withResolvers(), Promise.withResolvers()];
      const socket = tcp(server.port, '127.0.0.1');
      const session = connect(`http://127.0.0.1:${server.port}`, { createConnection: () => socket });
      session.on('error', () => {});
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers' });
      stream.on('error', () => {}).resume();
      const message = Buffer.from('0a0161', 'hex');
      stream.end(type === 'application/proto' ? message : envelope(message));
      await entered.promise;
      end(stream, socket);
      await left.promise;
      await nextTurn();
      expect(await errorOf(createClient(SessionService, transport()).getSession({ sessionId: 's' }))).toBeUndefined();
      session.destroy();
      expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
      expect(complaints).not.toHaveBeenCalled();
      complaints.mockRestore();
    });
  });

  it('ends a connection that resets its streams as fast as it opens them', async () => {
    const session = connect(`http://127.0.0.1:${server.port}`).on('error', () => {});
    const closed = new Promise((resolve) => void session.once('close', resolve));
    const path = `/${SessionService.typeName}/GetSession`;
    const reset = () => {
      for (let n = 0; n < 100 && !session.destroyed; n++) {
        const call = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/proto' });
        call.on('error', () => {}).close(constants.NGHTTP2_CANCEL);
      }
      if (!session.destroyed) setImmediate(reset);
    };
    reset();
    await closed;
    expect(await errorOf(createClient(SessionService, transport()).getSession({ sessionId: 's' }))).toBeUndefined();
  });
});
