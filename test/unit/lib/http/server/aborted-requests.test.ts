import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { listenHttp } from '../../../../../services/lib/http/server/http-server.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';

it('bears a connection that breaks while the reader of its request stops to listen', async () => {
  const broken = Promise.withResolvers<void>();
  const port = await listenHttp({
    routes: () => {},
    interceptors: [],
    addRoutes: async (app) => {
      app.get('/slow', () => new Promise(() => {}));
      stopToListenInBetween(app.server, broken.resolve);
    },
    sameOriginOnly: false,
    readiness: async () => ({ database: undefined }),
    metrics: createMetrics(false),
    host: '127.0.0.1',
    port: 0,
    stopping: new AbortController().signal,
  });
  const client = connect(port.port, '127.0.0.1').on('error', () => {});
  await once(client, 'connect');
  client.write('GET /slow HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n');
  await once(client, 'data');
  client.resetAndDestroy();
  await broken.promise;
  expect((await fetch(`http://127.0.0.1:${port.port}/livez`)).status).toBe(200);
  await port.close(0);
});

/** Node has then seen that something listens to errors, and has not emitted the error yet. */
function stopToListenInBetween(server: Server, closed: () => void): void {
  server.once('request', (request: IncomingMessage) => {
    const listener = () => {};
    request.on('error', listener).on('close', closed);
    request.on('aborted', () => process.nextTick(() => process.nextTick(() => request.off('error', listener))));
  });
}
