import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/** The time limit for a body to arrive completely, counted from its headers. */
export const BODY_TIMEOUT_MS = 10_000;
/** The most bytes that the process holds for bodies whose processing has not begun. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;
/** The most bodies that may be arriving at a time. */
const MAX_ARRIVING = 4_096;

/** A body that arrived completely. Its bytes count as held until it is released. */
export interface Body {
  readonly bytes: Buffer;
  /** Call it when the processing begins, or the request is refused. May be called more than once. */
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
 * Reads the bodies of requests, and bounds what callers can make the process wait for and hold: the time of each body, the
 * number of bodies that are arriving, and the bytes of those that are arriving or queued. When a bound is exceeded, the body
 * that has been arriving for longest is refused: the body of an active caller takes milliseconds, so that one is likely
 * stalled.
 */
export class BodyIntake {
  readonly #limits: IntakeLimits;
  /** In order of arrival. */
  readonly #arriving = new Set<Arriving>();
  #held = 0;

  constructor(limits: Partial<IntakeLimits> = {}) {
    const { timeoutMs = BODY_TIMEOUT_MS, maxHeldBytes = MAX_HELD_BYTES, maxArriving = MAX_ARRIVING } = limits;
    this.#limits = { timeoutMs, maxHeldBytes, maxArriving };
  }

  /** The number of bodies that are arriving now. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** The bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /**
   * The complete body of a request. Throws TOO_LARGE for one of over `maxBytes` and those of its envelope, REQUEST_TIMEOUT,
   * SERVICE_UNAVAILABLE when it is the one to be refused, and CANCELED when the caller leaves before its end. The rest of a
   * refused body is discarded.
   */
  read(request: IncomingMessage | Http2ServerRequest, maxBytes: number, envelopeBytes = 0): Promise<Body> {
    const most = maxBytes + envelopeBytes;
    if (Number(request.headers['content-length']) > most) return Promise.reject(tooLarge(maxBytes));
    if (request.destroyed) return Promise.reject(callerGone()); // while its caller was authenticated
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
      body.end(refuse(ErrorReason.SERVICE_UNAVAILABLE, 'too many request bodies are arriving; a repeat is harmless'));
    }
  }
}

/** Discards the rest of the body. An HTTP/2 stream would stay open until its end, so it is closed after the answer. */
function dropRest(request: IncomingMessage | Http2ServerRequest): void {
  request.on('error', () => {}); // the caller already has its answer
  request.resume();
  if (!('stream' in request)) return;
  const { stream } = request;
  stream.once('wantTrailers', () => setImmediate(() => stream.close()));
}

/** A buffer with the first `size` bytes of `buffer`, followed by the chunk; of double size when it must grow. */
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
