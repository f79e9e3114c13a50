import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/** The time limit for a body to arrive completely, counted from its headers. */
export const BODY_TIMEOUT_MS = 10_000;
/** The most bytes that the process holds for bodies whose processing has not begun. */
const MAX_BUFFERED_BYTES = 128 * 1024 * 1024;
/** The most bodies that may be arriving at a time. */
const MAX_ARRIVING_BODIES = 4_096;

/** A body that arrived completely. Its bytes count as held until it is released. */
export interface RequestBody {
  readonly bytes: Buffer;
  /** Call it when the processing begins, or the request is refused. May be called more than once. */
  release(): void;
}

interface ArrivingBody {
  end(error: Error): void;
}

interface BodyReaderLimits {
  readonly timeoutMs: number;
  readonly maxBufferedBytes: number;
  readonly maxArriving: number;
}

/**
 * Reads the bodies of requests, and bounds what callers can make the process wait for and hold: the time of each body, the
 * number of bodies that are arriving, and the bytes of those that are arriving or queued. When a bound is exceeded, the body
 * that has been arriving for longest is refused: the body of an active caller takes milliseconds, so that one is likely
 * stalled.
 */
export class BodyReader {
  readonly #limits: BodyReaderLimits;
  /** In order of arrival. */
  readonly #arriving = new Set<ArrivingBody>();
  #bufferedBytes = 0;

  constructor(limits: Partial<BodyReaderLimits> = {}) {
    const {
      timeoutMs = BODY_TIMEOUT_MS,
      maxBufferedBytes = MAX_BUFFERED_BYTES,
      maxArriving = MAX_ARRIVING_BODIES,
    } = limits;
    this.#limits = { timeoutMs, maxBufferedBytes, maxArriving };
  }

  /** The number of bodies that are arriving now. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** The bytes that are held now. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * The complete body of a request. Throws TOO_LARGE for one of over `maxBytes` and those of its envelope, REQUEST_TIMEOUT,
   * SERVICE_UNAVAILABLE when it is the one to be refused, and CANCELED when the caller leaves before its end. The rest of a
   * refused body is discarded.
   */
  read(request: IncomingMessage | Http2ServerRequest, maxBytes: number, envelopeBytes = 0): Promise<RequestBody> {
    const maxTotalBytes = maxBytes + envelopeBytes;
    if (Number(request.headers['content-length']) > maxTotalBytes) return Promise.reject(bodyTooLarge(maxBytes));
    if (request.destroyed) return Promise.reject(callerDisconnected()); // while its caller was authenticated
    return new Promise((resolve, reject) => {
      // one buffer, since each chunk would keep the 64 KiB alive into which its connection read it
      let buffer = Buffer.alloc(0);
      let size = 0;
      const onData = (chunk: Buffer) => {
        if (size + chunk.length > maxTotalBytes) return body.end(bodyTooLarge(maxBytes));
        this.#bufferedBytes -= buffer.length;
        buffer = append(buffer, size, chunk);
        size += chunk.length;
        this.#bufferedBytes += buffer.length;
        this.#shed();
      };
      const stop = () => {
        clearTimeout(timer);
        this.#arriving.delete(body);
        request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      };
      const release = () => {
        this.#bufferedBytes -= buffer.length;
        buffer = Buffer.alloc(0);
      };
      const onEnd = () => {
        stop();
        resolve({ bytes: buffer.subarray(0, size), release });
      };
      const body: ArrivingBody = {
        end: (error) => {
          stop();
          release();
          discardRest(request);
          reject(error);
        },
      };
      const onClose = () => body.end(callerDisconnected());
      const timer = setTimeout(() => body.end(bodyTimeout(this.#limits.timeoutMs)), this.#limits.timeoutMs);
      this.#arriving.add(body);
      request.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
      this.#shed();
    });
  }

  /** Refuses those that have been arriving for longest until the rest is within the bounds. */
  #shed(): void {
    const { maxArriving, maxBufferedBytes } = this.#limits;
    for (const body of this.#arriving) {
      if (this.#arriving.size <= maxArriving && this.#bufferedBytes <= maxBufferedBytes) return;
      body.end(appError(ErrorReason.SERVICE_UNAVAILABLE, 'too many request bodies are arriving; a repeat is harmless'));
    }
  }
}

/** Discards the rest of the body. An HTTP/2 stream would stay open until its end, so it is closed after the answer. */
function discardRest(request: IncomingMessage | Http2ServerRequest): void {
  request.on('error', () => {}); // the caller already has its answer
  request.resume();
  if (!('stream' in request)) return;
  const { stream } = request;
  stream.once('wantTrailers', () => setImmediate(() => stream.close()));
}

/** A buffer with the first `size` bytes of `buffer`, followed by the chunk; of double size when it must grow. */
function append(buffer: Buffer<ArrayBuffer>, size: number, chunk: Buffer): Buffer<ArrayBuffer> {
  const needed = size + chunk.length;
  const target = needed <= buffer.length ? buffer : Buffer.allocUnsafeSlow(Math.max(needed, 2 * buffer.length));
  if (target !== buffer) buffer.copy(target, 0, 0, size);
  chunk.copy(target, size);
  return target;
}

function callerDisconnected() {
  return appError(ErrorReason.CANCELED, 'the caller went away');
}

function bodyTooLarge(limit: number) {
  return appError(ErrorReason.TOO_LARGE, `the body is larger than ${limit / 1024 / 1024} MiB`, { limit });
}

function bodyTimeout(timeoutMs: number) {
  const seconds = timeoutMs / 1_000;
  return appError(ErrorReason.REQUEST_TIMEOUT, `the body did not arrive within ${seconds} s`, {
    limit_seconds: seconds,
  });
}
