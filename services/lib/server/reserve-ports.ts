import { createServer, type Server } from 'node:net';
import { portError } from './rpc-server.ts';

/** The ports of a process to be. */
interface Ports {
  readonly host: string;
  readonly httpPort: number;
  readonly rpcPort: number;
}

/**
 * Takes the ports of a process before it touches anything that it would share with another one on the same ports. Until they
 * are disposed of, right before the servers listen, connections to them are closed. Throws a sentence when one cannot be had;
 * port 0 cannot be taken by others.
 */
export async function reservePorts({ host, httpPort, rpcPort }: Ports): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const [variable, port] of [
    ['AUTOSESSION_HTTP_PORT', httpPort],
    ['AUTOSESSION_RPC_PORT', rpcPort],
  ] as const)
    if (port !== 0) {
      const server = await listen(host, port).catch((error) => {
        throw portError(error, variable, { host, port });
      });
      stack.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
    }
  return stack.move();
}

function listen(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
