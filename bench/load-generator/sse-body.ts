import type { OnEvent } from './jobs/streams.ts';

const NONE: Buffer = Buffer.alloc(0);
const CRLF = '\r\n';

/** The last read that started and ended with a frame: other streams receive the same bytes and need not decode them. */
let lastRead: { readonly bytes: Buffer; readonly times: readonly number[] } = { bytes: NONE, times: [] };

/** Reads the body of an event stream, chunked as HTTP/1.1 does, and reports the time of every event. */
export class SseBodyReader {
  readonly #onEvent: OnEvent;
  /** The bytes of an incomplete chunk. */
  #bytes = NONE;
  /** The text of an incomplete frame. */
  #text = '';

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  /** Reads the next bytes; the caller may reuse the buffer. Returns true, so that the socket continues to read. */
  add(bytes: Buffer): true {
    const wasBetweenFrames = this.#isBetweenFrames;
    if (!wasBetweenFrames || !bytes.equals(lastRead.bytes)) {
      const times = this.#decode(bytes);
      if (!wasBetweenFrames || !this.#isBetweenFrames) return this.#report(times);
      lastRead = { bytes: Buffer.from(bytes), times };
    }
    return this.#report(lastRead.times);
  }

  get #isBetweenFrames(): boolean {
    return this.#bytes.length === 0 && this.#text === '';
  }

  #report(times: readonly number[]): true {
    for (const time of times) this.#onEvent(time);
    return true;
  }

  #decode(bytes: Buffer): number[] {
    const frames = (this.#text + this.#unchunked(Buffer.concat([this.#bytes, bytes]))).split('\n\n');
    this.#text = frames.pop() ?? '';
    const seconds = frames.map((frame) => /"timestamp":([\d.]+)/.exec(frame)?.[1]);
    return seconds.filter((found) => found !== undefined).map((found) => Number(found) * 1_000);
  }

  /** The text of the complete chunks. */
  #unchunked(bytes: Buffer): string {
    let text = '';
    let from = 0;
    for (;;) {
      const line = bytes.indexOf(CRLF, from);
      const start = line + CRLF.length;
      const end = start + Number.parseInt(bytes.toString('latin1', from, line), 16);
      if (line < 0 || end + CRLF.length > bytes.length) break;
      text += bytes.toString('utf8', start, end);
      from = end + CRLF.length;
    }
    this.#bytes = Buffer.from(bytes.subarray(from));
    return text;
  }
}
