import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reservePort } from './reserve-port.ts';

/** A TCP port that leads to another one, until it is cut or frozen. */
export interface Cuttable extends AsyncDisposable {
  readonly port: number;
  /** Breaks all connections at once and refuses new ones, as when the process behind it was killed. */
  cut(): Promise<void>;
  /** Takes connections again, on the same port. */
  mend(): Promise<void>;
  /** Passes nothing on any more, though connections stay and are taken, as when the process behind it hangs. */
  freeze(): void;
}

/** Opens a port that leads to `target` on loopback. */
export async function cuttable(target: number): Promise<Cuttable> {
  const sockets = new Set<Socket>();
  let frozen = false;
  const server: Server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
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
  const cut = async () => {
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
    cut,
    mend: () => listen(port),
    freeze: () => {
      frozen = true;
    },
    [Symbol.asyncDispose]: cut,
  };
}
