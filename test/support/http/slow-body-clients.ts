import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';

/** Requests that have sent the first byte of their body, and no more until they are disposed. */
export interface SlowBodyClients extends Disposable {
  /** Waits until the server has received the start of all of them. */
  readonly started: Promise<unknown>;
}

/** Over HTTP/1.1, each on its own connection. */
export function slowBodiesOverHttp1({
  baseUrl,
  path,
  count,
  headers,
}: {
  baseUrl: string;
  path: string;
  count: number;
  headers: Record<string, string>;
}): SlowBodyClients {
  const { hostname, port, host } = new URL(baseUrl);
  const lines = [`POST ${path} HTTP/1.1`, `host: ${host}`, 'content-length: 1000', 'expect: 100-continue'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  const sockets: Socket[] = [];
  const open = async () => {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(`${lines.join('\r\n')}\r\n\r\n{`);
    await once(socket, 'data'); // 100 Continue, or an error
  };
  return {
    started: Promise.all(Array.from({ length: count }, open)),
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Over HTTP/2, all on one connection. */
export function slowBodiesOverHttp2({
  baseUrl,
  path,
  count,
  headers,
}: {
  baseUrl: string;
  path: string;
  count: number;
  headers: OutgoingHttpHeaders;
}): SlowBodyClients {
  const session = connectHttp2(baseUrl);
  const streams = Array.from({ length: count }, () => slowStream(session, path, headers));
  return {
    started: roundTrip(session),
    [Symbol.dispose]: () => {
      for (const stream of streams) stream.destroy();
      session.destroy();
    },
  };
}

function slowStream(session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  stream.on('error', () => {});
  stream.write(Buffer.of(0));
  return stream;
}

/** The server answers a PING after everything that was sent before it. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  await once(session, 'connect');
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => (error ? reject(error) : resolve()));
  });
}
