import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { listenHttp } from '../../../../../services/lib/http/server/http-server.ts';
import type { ListeningServer } from '../../../../../services/lib/http/server/listening-server.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';
import { eventually } from '../../../../support/eventually.ts';

const CONNECT = 'CONNECT example.com:443 HTTP/1.1\r\nhost: localhost\r\n\r\n';

const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

async function listen(): Promise<{ port: ListeningServer; server: Server }> {
  let server: Server | undefined;
  const port = await listenHttp({
    routes: () => {},
    interceptors: [],
    addRoutes: async (app) => {
      server = app.server;
    },
    sameOriginOnly: false,
    readiness: async () => ({ database: undefined }),
    metrics: createMetrics(false),
    host: '127.0.0.1',
    port: 0,
    stopping: new AbortController().signal,
  });
  cleanUp.push(() => port.close(0));
  return { port, server: server as Server };
}

function client({ port }: ListeningServer, text: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  cleanUp.push(() => socket.destroy());
  socket.resume().write(text);
  return socket;
}

it('bears a client that asks for a tunnel and resets its connection', async () => {
  const { port, server } = await listen();
  server.prependListener('connect', () => socket.resetAndDestroy());
  const socket = client(port, CONNECT);
  await once(server, 'connect');
  await eventually(() => expect(connections(server)).resolves.toBe(0));
  expect((await fetch(`http://127.0.0.1:${port.port}/livez`)).status).toBe(200);
});

it('closes the connection of a client that asked for a tunnel and does not close its side', async () => {
  const { port, server } = await listen();
  await once(client(port, CONNECT), 'end');
  await eventually(() => expect(connections(server)).resolves.toBe(0));
});

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
