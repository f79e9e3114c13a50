import type { Server } from 'node:http';
import { type AddressInfo, createServer, type Server as Door } from 'node:net';

/** Connections that a turn of the event loop can take. */
const DOORS = 16;

/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Whether several sockets of this process may listen on an address, which is not so on every platform. Throws what a listener
 * would throw: a port that may be shared could be shared with another process of the same user without anybody noticing.
 */
export async function canHaveDoors({ host, port }: Address): Promise<boolean> {
  if (port !== 0) await close(await listen({ host, port, reusePort: false }));
  return listen({ host, port: 0, reusePort: true }).then(
    (door) => close(door).then(() => true),
    () => false,
  );
}

/**
 * More sockets, as many as can be had, on the address of a server that listens with `reusePort`. A listening socket gives the event loop one connection a
 * turn (libuv), and a turn of a busy process takes tens of milliseconds: new callers would wait for seconds where no limit sees
 * them. With several doors they come in as fast as they knock. Resolves to what closes them, when their connections are gone.
 */
export async function openDoors(server: Server): Promise<() => Promise<unknown>> {
  const { address: host, port } = server.address() as AddressInfo;
  const opening = Array.from({ length: DOORS - 1 }, () => listen({ host, port, reusePort: true }));
  const doors = (await Promise.allSettled(opening)).flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  for (const door of doors) door.on('connection', (socket) => server.emit('connection', socket));
  return () => Promise.all(doors.map(close));
}

function listen(options: Address & { readonly reusePort: boolean }): Promise<Door> {
  const door = createServer({ allowHalfOpen: true, noDelay: true }); // as those of an HTTP server
  return new Promise((resolve, reject) => {
    door.once('error', reject);
    door.listen(options, () => resolve(door));
  });
}

function close(door: Door): Promise<void> {
  return new Promise((resolve) => {
    door.close(() => resolve());
  });
}
