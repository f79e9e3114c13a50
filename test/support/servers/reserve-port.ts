import { createServer, type Server } from 'node:net';

/** Below the ephemeral range of Linux (32768 and up) and macOS, so that outgoing connections never take these ports. */
const FIRST_PORT = 10_000;
const PORT_COUNT = 11_000;
/** A reservation is a listener on the port's counterpart in the range above, which nothing else uses. */
const GUARD_OFFSET = PORT_COUNT;

/**
 * A loopback port that no other process of the tests receives until this process ends. The kernel decides between processes,
 * and it ends the reservation with the process, even if that was killed.
 */
export async function reservePort(): Promise<number> {
  const start = Math.floor(Math.random() * PORT_COUNT);
  for (let step = 0; step < PORT_COUNT; step++) {
    const port = FIRST_PORT + ((start + step) % PORT_COUNT);
    const guard = await listenOn(port + GUARD_OFFSET);
    if (!guard) continue;
    guard.unref();
    const probe = await listenOn(port); // a program that does not use reservations may listen there
    if (probe) {
      await new Promise((resolve) => probe.close(resolve));
      return port;
    }
    guard.close();
  }
  throw new Error('every port is taken');
}

/** Listens on a loopback port; undefined when the port is taken. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}
