import { createServer, type Server } from 'node:net';
import { portError } from './listening-server.ts';

/** The ports that a process is about to listen on. */
interface Ports {
  readonly host: string;
  readonly httpPort: number;
  readonly rpcPort: number;
}

/**
 * Reserves the ports of a process before it touches anything that it would share with another process on the same ports. Until
 * they are disposed, right before the servers listen, connections to them are closed. Throws an error with a full sentence when
 * a port is in use; port 0 is not reserved.
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
