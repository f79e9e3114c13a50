import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { SessionService } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { allowAnonymous } from '../../../../services/lib/auth/identity.ts';
import { BodyReader } from '../../../../services/lib/http/admission/body-reader.ts';
import { listenHttp } from '../../../../services/lib/http/server/http-server.ts';
import { listenRpc } from '../../../../services/lib/http/server/rpc-server.ts';
import { requestGate } from '../../../../services/lib/interceptors/request-gate.ts';
import { createMetrics } from '../../../../services/lib/observability/metrics.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../../services/lib/runtime/id-generator.ts';
import { logger, startRestApp, stubRoutes } from '../../../support/gateway/rest-fixture.ts';

const bodyReader = () => new BodyReader({ timeoutMs: 1 });
const metrics = createMetrics(false);
const gate = requestGate({
  authenticate: allowAnonymous,
  internalSecret: 'secret',
  ids: createUlidGenerator(systemClock),
  logger,
  metrics,
});
const PATH = `/${SessionService.typeName}/GetSession`;

/** Everything that the server sends on a connection until it closes it. */
async function answerTo(port: number, path: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const head = ['POST PATH HTTP/1.1', `host: 127.0.0.1:${port}`, 'content-type: application/json'];
  socket.write(`${head.join('\r\n').replace('PATH', path)}\r\ncontent-length: 1000\r\n\r\n{`);
  let answer = '';
  for await (const chunk of socket) {
    answer += chunk;
    if (/"}$|}$/.test(answer)) break;
  }
  return answer;
}

it('a body that does not arrive in time is a 408 over REST, and the connection is closed', async () => {
  await using app = await startRestApp(stubRoutes(), { bodyReader: bodyReader() });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const answer = await answerTo((app.server.address() as AddressInfo).port, '/api/sessions/create');
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*\r\nconnection: close\r\n.*"error_code":"REQUEST_TIMEOUT"/s);
});

it('a body that does not arrive in time is refused over Connect on the HTTP port', async () => {
  const server = await listenHttp({
    routes: stubRoutes(),
    interceptors: [],
    gate,
    bodyReader: bodyReader(),
    addRoutes: async () => {},
    sameOriginOnly: false,
    readiness: async () => ({ database: undefined }),
    metrics,
    host: '127.0.0.1',
    port: 0,
    stopping: new AbortController().signal,
  });
  expect(await answerTo(server.port, PATH)).toMatch(/^HTTP\/1\.1 504 .*"reason":"REQUEST_TIMEOUT"/s);
  await server.close(0);
});

it.each([
  ['gRPC', 'application/grpc', 'trailers', { 'grpc-status': '4' }],
  ['Connect', 'application/json', 'response', { ':status': 504 }],
])('a body that does not arrive in time is refused over %s on the RPC port', async (_, type, where, expected) => {
  const server = await listenRpc({
    routes: stubRoutes(),
    interceptors: [],
    gate,
    bodyReader: bodyReader(),
    host: '127.0.0.1',
    port: 0,
  });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': type });
  stream.write(Buffer.of(0));
  const closed = once(stream.resume(), 'close');
  expect((await once(stream, where))[0]).toMatchObject(expected);
  await closed;
  session.destroy();
  await server.close(0);
});
