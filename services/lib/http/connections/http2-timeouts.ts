import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

export interface Http2Timeouts {
  /** The time within which a connection must speak HTTP/2. */
  readonly handshakeMs: number;
  /** The time after which a connection without an open stream is closed; its client opens another one when it needs it. */
  readonly idleMs: number;
  /** The time after which a stream is reset whose client reads nothing of what was written to it. */
  readonly stalledMs: number;
}

const DEFAULT_TIMEOUTS: Http2Timeouts = { handshakeMs: 10_000, idleMs: 300_000, stalledMs: 30_000 };

/** Closes connections and streams of an HTTP/2 server that exceed these times; node:http2 keeps them open for ever. */
export function applyHttp2Timeouts(server: Http2Server, timeouts: Http2Timeouts = DEFAULT_TIMEOUTS): void {
  server.on('session', (session) => applySessionTimeouts(session, timeouts));
}

function applySessionTimeouts(session: ServerHttp2Session, { handshakeMs, idleMs, stalledMs }: Http2Timeouts): void {
  let open = 0;
  let timer = setTimeout(() => session.destroy(), handshakeMs);
  const restartIdleTimer = () => {
    clearTimeout(timer);
    if (open === 0 && !session.closed) timer = setTimeout(() => session.close(), idleMs);
  };
  session.once('remoteSettings', restartIdleTimer);
  session.once('close', () => clearTimeout(timer));
  session.on('stream', (stream) => {
    open += 1;
    clearTimeout(timer);
    applyStreamTimeout(stream, stalledMs);
    stream.once('close', () => {
      open -= 1;
      restartIdleTimer();
    });
  });
}

/** An idle stream is not stalled: it may have nothing to send for hours. */
function applyStreamTimeout(stream: ServerHttp2Stream, stalledMs: number): void {
  stream.setTimeout(stalledMs, () => {
    if (stream.writableLength > 0 || stream.writableEnded) stream.close(constants.NGHTTP2_CANCEL);
  });
}
