import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/** The time that a body has to arrive whole, counted from its headers. */
export const BODY_TIMEOUT_MS = 10_000;
/** The most that the process keeps of bodies whose work has not begun. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;
/** The most bodies that arrive at a time. */
const MAX_ARRIVING = 4_096;

/** A body that arrived whole. Its bytes count as held until it is released. */
export interface Body {
  readonly bytes: Buffer;
  /** To be called when the work begins, or is refused. May be called more than once. */
  release(): void;
}

interface Arriving {
  end(error: Error): void;
}

interface IntakeLimits {
  readonly timeoutMs: number;
  readonly maxHeldBytes: number;
  readonly maxArriving: number;
}

/**
 * Reads the bodies of requests, and bounds what callers can make the process wait for and keep: the time of each body, the
 * number of bodies that arrive, and the bytes of those that arrive or wait for their turn. Over a bound the body that has
 * been arriving for longest is refused: bodies of callers that send take milliseconds, so it is one that does not.
 */
export class BodyIntake {
  readonly #limits: IntakeLimits;
  /** The one that came first is first. */
  readonly #arriving = new Set<Arriving>();
  #held = 0;

  constructor(limits: Partial<IntakeLimits> = {}) {
    const { timeoutMs = BODY_TIMEOUT_MS, maxHeldBytes = MAX_HELD_BYTES, maxArriving = MAX_ARRIVING } = limits;
    this.#limits = { timeoutMs, maxHeldBytes, maxArriving };
  }

  /** Bodies that arrive now. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /**
   * The whole body of a request. Throws TOO_LARGE for one of over `maxBytes` and those of its envelope, REQUEST_TIMEOUT,
   * SERVICE_UNAVAILABLE when it is the one to go, and CANCELED when the caller leaves before its end. What comes after that is
   * thrown away.
   */
  read(request: IncomingMessage | Http2ServerRequest, maxBytes: number, envelopeBytes = 0): Promise<Body> {
    const most = maxBytes + envelopeBytes;
    if (Number(request.headers['content-length']) > most) return Promise.reject(tooLarge(maxBytes));
    if (request.destroyed) return Promise.reject(callerGone()); // while it was asked who calls
    return new Promise((resolve, reject) => {
      // one buffer, since each chunk would keep the 64 KiB alive into which its connection read it
      let buffer = Buffer.alloc(0);
      let size = 0;
      const take = (chunk: Buffer) => {
        if (size + chunk.length > most) return body.end(tooLarge(maxBytes));
        this.#held -= buffer.length;
        buffer = appended(buffer, size, chunk);
        size += chunk.length;
        this.#held += buffer.length;
        this.#shed();
      };
      const stop = () => {
        clearTimeout(timer);
        this.#arriving.delete(body);
        request.off('data', take).off('end', whole).off('close', gone).off('error', gone);
      };
      const release = () => {
        this.#held -= buffer.length;
        buffer = Buffer.alloc(0);
      };
      const whole = () => {
        stop();
        resolve({ bytes: buffer.subarray(0, size), release });
      };
      const body: Arriving = {
        end: (error) => {
          stop();
          release();
          dropRest(request);
          reject(error);
        },
      };
      const gone = () => body.end(callerGone());
      const timer = setTimeout(() => body.end(tooSlow(this.#limits.timeoutMs)), this.#limits.timeoutMs);
      this.#arriving.add(body);
      request.on('data', take).once('end', whole).once('close', gone).once('error', gone);
      this.#shed();
    });
  }

  /** Refuses those that have been arriving for longest until the rest is within the bounds. */
  #shed(): void {
    const { maxArriving, maxHeldBytes } = this.#limits;
    for (const body of this.#arriving) {
      if (this.#arriving.size <= maxArriving && this.#held <= maxHeldBytes) return;
      body.end(refuse(ErrorReason.SERVICE_UNAVAILABLE, 'more bodies than can be taken in now; a repeat is harmless'));
    }
  }
}

/** Throws away what is still to come. Over HTTP/2 the stream would stay open until then: it is closed behind the answer. */
function dropRest(request: IncomingMessage | Http2ServerRequest): void {
  request.on('error', () => {}); // of a caller that is told already
  request.resume();
  if (!('stream' in request)) return;
  const { stream } = request;
  stream.once('wantTrailers', () => setImmediate(() => stream.close()));
}

/** A buffer that begins with `size` bytes of `buffer`, and then has the chunk; twice as large when it has to grow. */
function appended(buffer: Buffer<ArrayBuffer>, size: number, chunk: Buffer): Buffer<ArrayBuffer> {
  const needed = size + chunk.length;
  const target = needed <= buffer.length ? buffer : Buffer.allocUnsafeSlow(Math.max(needed, 2 * buffer.length));
  if (target !== buffer) buffer.copy(target, 0, 0, size);
  chunk.copy(target, size);
  return target;
}

function callerGone() {
  return refuse(ErrorReason.CANCELED, 'the caller went away');
}

function tooLarge(limit: number) {
  return refuse(ErrorReason.TOO_LARGE, `the body is larger than ${limit / 1024 / 1024} MiB`, { limit });
}

function tooSlow(timeoutMs: number) {
  const seconds = timeoutMs / 1_000;
  return refuse(ErrorReason.REQUEST_TIMEOUT, `the body did not arrive within ${seconds} s`, { limit_seconds: seconds });
}
