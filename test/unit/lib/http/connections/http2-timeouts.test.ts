import { once } from 'node:events';
import {
  type ClientSessionOptions,
  connect as connectHttp2,
  constants,
  createServer,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { applyHttp2Timeouts, type Http2Timeouts } from '../../../../../services/lib/http/connections/http2-timeouts.ts';

/** No test takes this long: a limit that is not under test ends nothing. */
const NEVER_MS = 600_000;
const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

async function listen(
  timeouts: Partial<Http2Timeouts>,
  answer: (stream: ServerHttp2Stream) => void = () => {},
): Promise<number> {
  const server = createServer().on('stream', answer);
  cleanUp.push(() => server.close());
  applyHttp2Timeouts(server, { handshakeMs: NEVER_MS, idleMs: NEVER_MS, stalledMs: NEVER_MS, ...timeouts });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

function client(port: number, options: ClientSessionOptions = {}) {
  const session = connectHttp2(`http://127.0.0.1:${port}`, options).on('error', () => {});
  cleanUp.push(() => session.destroy());
  return session;
}

it('closes a connection that never sends anything', async () => {
  const socket = connect(await listen({ handshakeMs: 1 }), '127.0.0.1').on('error', () => {});
  await once(socket.resume(), 'close');
});

it('closes a connection without a stream after a time', async () => {
  await once(client(await listen({ idleMs: 1 })), 'close');
});

it('leaves a connection alone while it has a stream', async () => {
  const asked = Promise.withResolvers<ServerHttp2Stream>();
  const session = client(await listen({ idleMs: 1 }, asked.resolve));
  const stream = session.request({ ':path': '/' });
  const server = await asked.promise;
  for (let n = 0; n < 20; n++) await new Promise<void>((resolve) => void session.ping(() => resolve()));
  server.respond();
  server.end('done');
  expect(String((await once(stream, 'data'))[0])).toBe('done');
  await once(session, 'close');
});

it('resets a stream whose client reads nothing', async () => {
  const port = await listen({ stalledMs: 1 }, (stream) => {
    stream.on('error', () => {}).respond();
    stream.end('more than the window of the client');
  });
  const stream = client(port, { settings: { initialWindowSize: 0 } }).request({ ':path': '/' });
  await once(
    stream.on('error', () => {}),
    'close',
  );
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
});

it('keeps a stream that has nothing to send', async () => {
  const silent = Promise.withResolvers<ServerHttp2Stream>();
  const session = client(await listen({ stalledMs: 1 }, silent.resolve));
  const stream = session.request({ ':path': '/' });
  const server = await silent.promise;
  const silentForLong = once(server, 'timeout');
  server.respond();
  await once(stream, 'response');
  await silentForLong;
  // what follows may take longer than the limit
  server.setTimeout(0);
  server.end('done');
  expect(String((await once(stream, 'data'))[0])).toBe('done');
});
