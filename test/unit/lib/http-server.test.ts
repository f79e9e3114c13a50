import { Agent, get } from 'node:http';
import { expect, it } from 'vitest';
import { createMetrics } from '../../../services/lib/metrics.ts';
import { listenHttp } from '../../../services/lib/server/http-server.ts';
import { eventually } from '../../eventually.ts';

/** Longer than any test may take: a stop that waits for it fails. */
const GRACE_MS = 600_000;

/** A port with a route that answers when it is told to. */
async function slowServer() {
  const entered = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = await listenHttp({
    routes: () => {},
    interceptors: [],
    addRoutes: async (app) => {
      app.get('/slow', async () => {
        entered.resolve();
        await go.promise;
        return 'done';
      });
    },
    ownPagesOnly: false,
    readiness: async () => ({ database: true }),
    metrics: createMetrics(false),
    host: '127.0.0.1',
    port: 0,
    stopping: new AbortController().signal,
  });
  return { server, entered: entered.promise, go: go.resolve };
}

it('a stop does not wait for a connection that is kept alive behind its last answer', async () => {
  const { server, entered, go } = await slowServer();
  const agent = new Agent({ keepAlive: true });
  const answer = new Promise<number | undefined>((resolve, reject) => {
    get({ port: server.port, path: '/slow', agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).on('error', reject);
  });
  await entered;
  const closed = server.close(GRACE_MS);
  await eventually(() => expect(fetch(`http://127.0.0.1:${server.port}/livez`)).rejects.toThrow());
  go();
  expect(await answer).toBe(200);
  await closed;
  agent.destroy();
});
