import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reservePort } from './reserve-port.ts';

/** A TCP port that leads to another one, until it is cut or frozen. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Breaks all connections at once and refuses new ones, as when the process behind it was killed. */
  disconnect(): Promise<void>;
  /** Takes connections again, on the same port. */
  resume(): Promise<void>;
  /** Passes nothing on any more, though connections stay and are taken, as when the process behind it hangs. */
  freeze(): void;
}

/** Opens a port that leads to `target` on loopback. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  const server: Server = createServer((downstream) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => frozen || to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const disconnect = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  const port = await reservePort();
  await listen(port);
  return {
    port,
    disconnect,
    resume: () => listen(port),
    freeze: () => {
      frozen = true;
    },
    [Symbol.asyncDispose]: disconnect,
  };
}
