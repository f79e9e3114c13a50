import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ConnectionLimit, networkOf } from '../../../../../services/lib/http/connections/connection-limit.ts';
import { createLogger } from '../../../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';
import { eventually } from '../../../../support/eventually.ts';

const metrics = createMetrics(false);
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(limit: ConnectionLimit, port: 'http' | 'rpc'): Promise<Server> {
  const server = createServer((socket) => void (socket.destroyed || socket.on('error', () => {}).write('hello')));
  servers.push(server);
  limit.attach(server, port);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** What a new connection reads: `hello`, or nothing when it is closed at once. */
async function greeting(server: Server): Promise<{ text: string; socket: Socket }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  sockets.push(socket);
  const [text = ''] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])]);
  return { text: String(text), socket };
}

const limitOf = (perAddress: number) => new ConnectionLimit(perAddress, { logger: createLogger('silent'), metrics });

it('closes the connections of an address beyond its limit, on both ports together', async () => {
  const limit = limitOf(2);
  const [http, rpc] = [await listen(limit, 'http'), await listen(limit, 'rpc')];
  const texts = [await greeting(http), await greeting(rpc), await greeting(http), await greeting(rpc)];
  expect(texts.map(({ text }) => text)).toEqual(['hello', 'hello', '', '']);
  expect(await metrics.registry.metrics()).toMatch(/connections_refused_total\{port="rpc"\} 1/);
});

it('accepts new connections of an address when old ones have ended', async () => {
  const server = await listen(limitOf(1), 'http');
  (await greeting(server)).socket.destroy();
  await eventually(async () => expect((await greeting(server)).text).toBe('hello'));
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('counts %s as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
