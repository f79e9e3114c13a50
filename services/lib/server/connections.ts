import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

/** How often a stop checks for connections without a request. */
const CHECK_MS = 50;
/** For how many checks a connection must be idle to be closed. */
const QUIET_CHECKS = 1;
/** The same for an HTTP/2 connection that was used: its last bytes may still be in transit, and its client closes it itself. */
const USED_HTTP2_QUIET_CHECKS = 20;

/** The open connections of a server, each with the number of its requests under way, so that a stop can close the idle ones. */
export interface Connections {
  /**
   * Closes connections as their requests end: those without a request under way as soon as they are idle, and the rest after
   * `graceMs`. Continues until it is disposed.
   */
  closeIdle(graceMs: number): Disposable;
}

/** Tracks the connections of an HTTP/1.1 server from now on. Node treats one that never sent a byte as having a request. */
export function httpConnections(server: Server): Connections {
  const open = new OpenConnections(QUIET_CHECKS);
  server.on('connection', (socket: Socket) => open.add(socket));
  server.on('request', ({ socket }, response) => open.begin(socket, response));
  return open;
}

/** Tracks the connections of an HTTP/2 server from now on. */
export function http2Connections(server: Http2Server): Connections {
  const open = new OpenConnections(USED_HTTP2_QUIET_CHECKS);
  let accepted: Socket;
  server.prependListener('connection', (socket: Socket) => {
    accepted = socket;
    open.add(socket);
  });
  // emitted while the server accepts the connection; a session does not expose its socket
  server.on('session', (session) => {
    const socket = accepted;
    open.onStop(socket, () => session.close());
    session.on('stream', (stream) => open.begin(socket, stream));
  });
  return open;
}

interface Connection {
  requests: number;
  used: boolean;
  /** The number of bytes received at the last check, and for how many checks it has not changed. */
  bytes: number;
  quiet: number;
  stop(): void;
}

class OpenConnections implements Connections {
  readonly #open = new Map<Socket, Connection>();
  readonly #usedQuietChecks: number;

  constructor(usedQuietChecks: number) {
    this.#usedQuietChecks = usedQuietChecks;
  }

  add(socket: Socket): void {
    this.#open.set(socket, { requests: 0, used: false, bytes: 0, quiet: 0, stop: () => {} });
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Has `stop` called at the beginning of a stop. */
  onStop(socket: Socket, stop: () => void): void {
    const connection = this.#open.get(socket);
    if (connection) connection.stop = stop;
  }

  begin(socket: Socket, request: { once(name: 'close', listener: () => void): unknown }): void {
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
    const check = setInterval(() => this.#check(), CHECK_MS);
    const cut = setTimeout(() => {
      for (const socket of this.#open.keys()) socket.destroy();
    }, graceMs);
    return {
      [Symbol.dispose]() {
        clearInterval(check);
        clearTimeout(cut);
      },
    };
  }

  #check(): void {
    for (const [socket, connection] of this.#open) {
      const quiet = connection.requests === 0 && connection.bytes === socket.bytesRead;
      connection.quiet = quiet ? connection.quiet + 1 : 0;
      connection.bytes = socket.bytesRead;
      if (connection.quiet >= (connection.used ? this.#usedQuietChecks : QUIET_CHECKS)) socket.destroy();
    }
  }
}
