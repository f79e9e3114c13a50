import type { Server } from 'node:http';
import { type AddressInfo, createServer, type Server as Listener } from 'node:net';

/** Connections that a turn of the event loop can take. */
const MAX_LISTENERS = 16;

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Whether several sockets of this process may listen on an address, which is not so on every platform. Throws what a listener
 * would throw: a port that may be shared could be shared with another process of the same user without anybody noticing.
 */
export async function supportsReusePort({ host, port }: ListenAddress): Promise<boolean> {
  if (port !== 0) await close(await listen({ host, port, reusePort: false }));
  return listen({ host, port: 0, reusePort: true }).then(
    (listener) => close(listener).then(() => true),
    () => false,
  );
}

/**
 * More sockets, as many as can be had, on the address of a server that listens with `reusePort`. A listening socket gives the event loop one connection a
 * turn (libuv), and a turn of a busy process takes tens of milliseconds: new callers would wait for seconds where no limit sees
 * them. With several doors they come in as fast as they knock. Resolves to what closes them, when their connections are gone.
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
  const listener = createServer({ allowHalfOpen: true, noDelay: true }); // as those of an HTTP server
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
