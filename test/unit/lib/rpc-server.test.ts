import { once } from 'node:events';
import { connect } from 'node:http2';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.js';
import { Health } from '../../../gen/grpc/health/v1/health_pb.js';
import { systemClock } from '../../../services/lib/clock.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { anonymous, contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { createLogger } from '../../../services/lib/log.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import { healthRoutes } from '../../../services/lib/server/health.ts';
import { type ListeningServer, listenRpc, RPC_BODY_BYTES } from '../../../services/lib/server/rpc-server.ts';

describe('the RPC port', () => {
  const stop = new AbortController();
  let server: ListeningServer;

  beforeAll(async () => {
    const health = healthRoutes([SessionService], async () => true, stop.signal);
    server = await listenRpc({
      routes: (router) => {
        router.service(SessionService, { getSession: async () => ({}) });
        health(router);
      },
      interceptors: [
        observeInterceptor({ logger: createLogger('silent'), metrics: createMetrics(false) }),
        contextInterceptor({ authenticate: anonymous, hopSecret: 'secret', ids: ulidIds(systemClock) }),
      ],
      hopSecret: 'secret',
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
    const error = await errorOf(client.getSession({ sessionId: 'x'.repeat(RPC_BODY_BYTES + 1) }));
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(error?.findDetails(ErrorInfoSchema).map(({ reason }) => reason)).toEqual(['TOO_LARGE']);
  });

  it('takes more from the installation’s own services, since they tell on what came to them in several requests', async () => {
    const read = (secret: string) =>
      createClient(SessionService, transport()).getSession(
        { sessionId: 'x'.repeat(RPC_BODY_BYTES + 1) },
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

  it.each(['%%%', '[::1', 'a:b:c'])('answers 400 to the authority %s, and goes on', async (authority) => {
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
    expect(headers[':status']).toBe(400);
    expect(await errorOf(createClient(SessionService, transport()).getSession({ sessionId: 's' }))).toBeUndefined();
  });
});
