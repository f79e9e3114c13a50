import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

/** How often a stop checks for connections without a request. */
const CHECK_INTERVAL_MS = 50;
/** For how many checks a connection must be idle to be closed. */
const IDLE_CHECKS = 1;
/** The same for an HTTP/2 connection that was used: its last bytes may still be in transit, and its client closes it itself. */
const USED_HTTP2_IDLE_CHECKS = 20;

/** The open connections of a server, each with the number of its requests under way, so that a stop can close the idle ones. */
export interface ConnectionTracker {
  /**
   * Closes connections as their requests end: those without a request under way as soon as they are idle, and the rest after
   * `graceMs`. Continues until it is disposed.
   */
  closeIdle(graceMs: number): Disposable;
}

/** Tracks the connections of an HTTP/1.1 server from now on. Node treats one that never sent a byte as having a request. */
export function trackHttpConnections(server: Server): ConnectionTracker {
  const open = new OpenConnections(IDLE_CHECKS);
  server.on('connection', (socket: Socket) => open.add(socket));
  server.on('request', ({ socket }, response) => open.beginRequest(socket, response));
  return open;
}

/** Tracks the connections of an HTTP/2 server from now on. */
export function trackHttp2Connections(server: Http2Server): ConnectionTracker {
  const open = new OpenConnections(USED_HTTP2_IDLE_CHECKS);
  let accepted: Socket;
  server.prependListener('connection', (socket: Socket) => {
    accepted = socket;
    open.add(socket);
  });
  // emitted while the server accepts the connection; a session does not expose its socket
  server.on('session', (session) => {
    const socket = accepted;
    open.onStop(socket, () => session.close());
    session.on('stream', (stream) => open.beginRequest(socket, stream));
  });
  return open;
}

interface TrackedConnection {
  requests: number;
  used: boolean;
  /** The number of bytes received at the last check, and for how many checks it has not changed. */
  bytes: number;
  idleChecks: number;
  stop(): void;
}

class OpenConnections implements ConnectionTracker {
  readonly #open = new Map<Socket, TrackedConnection>();
  readonly #usedIdleChecks: number;

  constructor(usedIdleChecks: number) {
    this.#usedIdleChecks = usedIdleChecks;
  }

  add(socket: Socket): void {
    this.#open.set(socket, { requests: 0, used: false, bytes: 0, idleChecks: 0, stop: () => {} });
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Has `stop` called at the beginning of a stop. */
  onStop(socket: Socket, stop: () => void): void {
    const connection = this.#open.get(socket);
    if (connection) connection.stop = stop;
  }

  beginRequest(socket: Socket, request: { once(name: 'close', listener: () => void): unknown }): void {
    const connection = this.#open.get(socket);
    if (!connection) return;
    connection.used = true;
    connection.requests += 1;
    request.once('close', () => {
      connection.requests -= 1;
    });
  }

  closeIdle(graceMs: number): Disposable {
    for (const [socket, connection] of this.#open) {
      connection.bytes = socket.bytesRead;
      connection.stop();
    }
    const check = setInterval(() => this.#check(), CHECK_INTERVAL_MS);
    const deadline = setTimeout(() => {
      for (const socket of this.#open.keys()) socket.destroy();
    }, graceMs);
    return {
      [Symbol.dispose]() {
        clearInterval(check);
        clearTimeout(deadline);
      },
    };
  }

  #check(): void {
    for (const [socket, connection] of this.#open) {
      const isIdle = connection.requests === 0 && connection.bytes === socket.bytesRead;
      connection.idleChecks = isIdle ? connection.idleChecks + 1 : 0;
      connection.bytes = socket.bytesRead;
      if (connection.idleChecks >= (connection.used ? this.#usedIdleChecks : IDLE_CHECKS)) socket.destroy();
    }
  }
}
