import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AdmissionController } from '../../../../../services/lib/http/admission/admission-controller.ts';
import { listenHttp } from '../../../../../services/lib/http/server/http-server.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';
import { eventually } from '../../../../support/eventually.ts';
import { sendRawHttp } from '../../../../support/http/raw-http.ts';

/** Longer than any test may take: a stop that waits for it fails. */
const GRACE_MS = 600_000;

const metrics = createMetrics(false);

function listen(options: Partial<Parameters<typeof listenHttp>[0]>) {
  return listenHttp({
    routes: () => {},
    interceptors: [],
    addRoutes: async () => {},
    sameOriginOnly: false,
    readiness: async () => ({ database: undefined }),
    metrics,
    host: '127.0.0.1',
    port: 0,
    stopping: new AbortController().signal,
    ...options,
  });
}

/** What makes a port one that many call at once. */
const loadShedding = () => ({
  controller: new AdmissionController({ maxConcurrent: 9, maxQueued: 9, maxQueueMs: 500 }),
  metrics,
});

/** A port with a route that answers when `go` is called. */
async function slowServer(options: Partial<Parameters<typeof listenHttp>[0]> = {}) {
  const entered = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = await listen({
    addRoutes: async (app) => {
      app.get('/slow', async () => {
        entered.resolve();
        await go.promise;
        return 'done';
      });
    },
    ...options,
  });
  return { server, entered: entered.promise, go: go.resolve };
}

it.each([
  ['few', undefined],
  ['many', loadShedding()],
])(
  'a stop of a port for %s does not wait for a connection that is kept alive behind its last answer',
  async (_, loadShedding) => {
    const { server, entered, go } = await slowServer({ loadShedding });
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
  },
);

it.runIf(process.platform === 'linux')(
  'a port for many takes several connections in a turn of the event loop',
  async () => {
    let taken = 0;
    const count = async (app: Parameters<Parameters<typeof listenHttp>[0]['addRoutes']>[0]) => {
      app.server.on('connection', () => taken++);
    };
    const server = await listen({ loadShedding: loadShedding(), addRoutes: count });
    const callers = Array.from({ length: 64 }, () => connect(server.port, '127.0.0.1'));
    let turns = 0;
    for (; taken < callers.length; turns++) await nextTurn();
    expect(turns).toBeLessThan(callers.length / 2);
    for (const caller of callers) caller.destroy();
    await server.close(GRACE_MS);
  },
);

it.each([
  ['few', undefined],
  ['many', loadShedding()],
])('a port for %s is not shared with another process', async (_, loadShedding) => {
  const server = await listen({ loadShedding });
  await expect(listen({ loadShedding, port: server.port })).rejects.toThrow(
    `port ${server.port} of 127.0.0.1 is taken`,
  );
  await server.close(GRACE_MS);
});

it.each([
  ['what is not HTTP', 'hello\r\n\r\n', 400, 'MALFORMED_BODY'],
  ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nhost: HOST\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
])('a port without REST answers %s with the reason and a request id', async (_, text, status, reason) => {
  const server = await listen({});
  const answer = await sendRawHttp(`http://127.0.0.1:${server.port}`, text);
  expect([answer.status, answer.body.error_code]).toEqual([status, reason]);
  expect(answer.body.request_id).toMatch(/^req_/);
  expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
  await server.close(GRACE_MS);
});
