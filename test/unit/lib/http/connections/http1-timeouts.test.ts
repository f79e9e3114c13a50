import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { applyHttp1Timeouts } from '../../../../../services/lib/http/connections/http1-timeouts.ts';

/** More than any buffer between a server and its client takes. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);
const cleanUp: (() => unknown)[] = [];

afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

async function listen(answer: (response: ServerResponse) => void): Promise<Server> {
  const server = createServer((_, response) => answer(response));
  cleanUp.push(() => server.close());
  applyHttp1Timeouts(server, 20);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

function ask(server: Server): Socket {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  cleanUp.push(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  return socket;
}

it('cuts a client that does not read its answer', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  ask(await listen(asked.resolve));
  const response = await asked.promise;
  response.end(LARGE);
  await once(response, 'close');
  expect(response.writableFinished).toBe(false);
});

it('leaves a request alone that is not answered yet', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  const server = await listen(asked.resolve);
  const socket = ask(server);
  const response = await asked.promise;
  await once(server, 'timeout');
  response.end('done');
  expect(String((await once(socket, 'data'))[0])).toContain('done');
});

it('ends a stream that falls silent, and then is not read', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  const server = await listen(asked.resolve);
  ask(server);
  const response = await asked.promise;
  await once(server, 'timeout');
  response.end(LARGE);
  await once(response, 'close');
  expect(response.writableFinished).toBe(false);
});

it('ends a connection that is kept alive for longer than it may', async () => {
  const server = await listen((response) => response.end('done'));
  server.keepAliveTimeout = 30;
  server.keepAliveTimeoutBuffer = 0;
  await once(ask(server).resume(), 'close');
});
