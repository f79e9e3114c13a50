import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

export interface Http2Timeouts {
  /** A connection has to speak HTTP/2 by then. */
  readonly greetingMs: number;
  /** A connection without an open stream is closed after so long; its client opens another one when it needs it. */
  readonly idleMs: number;
  /** A stream whose client takes nothing of what was written to it for so long is reset. */
  readonly stalledMs: number;
}

const STANDARD: Http2Timeouts = { greetingMs: 10_000, idleMs: 300_000, stalledMs: 30_000 };

/** Ends the connections and streams of an HTTP/2 server that keep it waiting; node:http2 keeps all of them for ever. */
export function limitHttp2(server: Http2Server, timeouts: Http2Timeouts = STANDARD): void {
  server.on('session', (session) => limitSession(session, timeouts));
}

function limitSession(session: ServerHttp2Session, { greetingMs, idleMs, stalledMs }: Http2Timeouts): void {
  let open = 0;
  let timer = setTimeout(() => session.destroy(), greetingMs);
  const wait = () => {
    clearTimeout(timer);
    if (open === 0 && !session.closed) timer = setTimeout(() => session.close(), idleMs);
  };
  session.once('remoteSettings', wait);
  session.once('close', () => clearTimeout(timer));
  session.on('stream', (stream) => {
    open += 1;
    clearTimeout(timer);
    limitStream(stream, stalledMs);
    stream.once('close', () => {
      open -= 1;
      wait();
    });
  });
}

/** Silence alone is no stall: a stream may have nothing to say for hours. */
function limitStream(stream: ServerHttp2Stream, stalledMs: number): void {
  stream.setTimeout(stalledMs, () => {
    if (stream.writableLength > 0 || stream.writableEnded) stream.close(constants.NGHTTP2_CANCEL);
  });
}
