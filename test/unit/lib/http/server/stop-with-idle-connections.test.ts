import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'vitest';
import { AdmissionController } from '../../../../../services/lib/http/admission/admission-controller.ts';
import { listenHttp } from '../../../../../services/lib/http/server/http-server.ts';
import type { ListeningServer } from '../../../../../services/lib/http/server/listening-server.ts';
import { listenRpc } from '../../../../../services/lib/http/server/rpc-server.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';

/** Longer than any test may take: a stop that waits for it fails. */
const GRACE_MS = 600_000;

const metrics = createMetrics(false);
const listening = { routes: () => {}, interceptors: [], host: '127.0.0.1', port: 0 };
const loadShedding = () => ({
  controller: new AdmissionController({ maxConcurrent: 9, maxQueued: 9, maxQueueMs: 500 }),
  metrics,
  services: [],
});

const http = (guard?: ReturnType<typeof loadShedding>) =>
  listenHttp({
    ...listening,
    loadShedding: guard,
    addRoutes: async () => {},
    sameOriginOnly: false,
    readiness: async () => ({ database: undefined }),
    metrics,
    stopping: new AbortController().signal,
  });

/** A connection that has sent these bytes and stays open, also when the other side ends it. */
async function open({ port }: ListeningServer, bytes: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  if (bytes) await new Promise((resolve) => socket.write(bytes, resolve));
  return socket;
}

/** Resolves when the server has received what was sent before. */
const arrived = ({ port }: ListeningServer) => fetch(`http://127.0.0.1:${port}/livez`).catch(() => {});

describe.each([
  ['the HTTP port', () => http()],
  ['the HTTP port for many', () => http(loadShedding())],
  ['the RPC port', () => listenRpc(listening)],
])('a stop of %s does not wait for', (_, listen) => {
  it.each([
    ['a connection that never sent a byte', ''],
    ['a connection with half a request head', 'GET /livez HTTP/1.1\r\nHost: a\r\n'],
    ['a connection with half an HTTP/2 preface', 'PRI * HTTP/2.0\r\n'],
  ])('%s', async (_, bytes) => {
    const server = await listen();
    const socket = await open(server, bytes);
    await arrived(server);
    await server.close(GRACE_MS);
    socket.destroy();
  });
});

it('a stop of the RPC port does not wait for an idle HTTP/2 session', async () => {
  const server = await listenRpc(listening);
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/' });
  await new Promise((resolve) => stream.on('close', resolve).resume());
  await server.close(GRACE_MS);
  session.destroy();
});
