import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reservePort } from './reserve-port.ts';

/** A TCP proxy that can be disconnected and frozen. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Breaks all connections and refuses new ones, as if the process behind it was killed. */
  disconnect(): Promise<void>;
  /** Accepts connections again, on the same port. */
  resume(): Promise<void>;
  /** Forwards nothing any more, but keeps and accepts connections, as if the process behind it hangs. */
  freeze(): void;
}

/** Opens a proxy to the loopback port `target`. */
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
