import type { Server } from 'node:http';
import { type AddressInfo, createServer, type Server as Listener } from 'node:net';

/** The most sockets that listen on one address; each accepts one connection per turn of the event loop. */
const MAX_LISTENERS = 16;

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Whether several sockets of this process may listen on an address; not every platform supports it. Throws the error of a plain
 * listener when the port is taken: with port reuse, another process of the same user could share it unnoticed.
 */
export async function supportsReusePort({ host, port }: ListenAddress): Promise<boolean> {
  if (port !== 0) await close(await listen({ host, port, reusePort: false }));
  return listen({ host, port: 0, reusePort: true }).then(
    (listener) => close(listener).then(() => true),
    () => false,
  );
}

/**
 * Opens more listening sockets on the address of a server that listens with `reusePort`. libuv accepts one connection per
 * socket and turn of the event loop, and a turn of a busy process takes tens of milliseconds: with one socket, new connections
 * would wait for seconds in the kernel, where no limit applies. Resolves to a function that closes them and waits for the end
 * of their connections.
 */
export async function openListeners(server: Server): Promise<() => Promise<unknown>> {
  const { address: host, port } = server.address() as AddressInfo;
  const opening = Array.from({ length: MAX_LISTENERS - 1 }, () => listen({ host, port, reusePort: true }));
  const listeners = (await Promise.allSettled(opening)).flatMap((each) =>
    each.status === 'fulfilled' ? each.value : [],
  );
  for (const listener of listeners) listener.on('connection', (socket) => server.emit('connection', socket));
  return () => Promise.all(listeners.map(close));
}

function listen(options: ListenAddress & { readonly reusePort: boolean }): Promise<Listener> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true }); // the options of an HTTP server
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(options, () => resolve(listener));
  });
}

function close(listener: Listener): Promise<void> {
  return new Promise((resolve) => {
    listener.close(() => resolve());
  });
}
