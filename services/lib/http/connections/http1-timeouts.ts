import type { Server } from 'node:http';

/** A client that takes nothing of what was written to it for so long is cut. */
const STALL_TIMEOUT_MS = 30_000;

/**
 * Closes the connections of an HTTP/1.1 server whose client does not read its answers; node:http keeps them, and the answers, for
 * ever. A connection without anything to send is left alone: a long poll or a stream may be silent for long.
 */
export function applyHttp1Timeouts(server: Server, stalledMs = STALL_TIMEOUT_MS): void {
  server.setTimeout(stalledMs, (socket) => {
    // with a listener, the end of keep-alive is left to it too: Node sets that time on the socket behind an answer
    const isKeptAlive = socket.timeout !== stalledMs;
    if (isKeptAlive || socket.writableLength > 0) socket.destroy();
  });
}
