import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { OnEvent } from './jobs/streams.ts';
import { SseBodyReader } from './sse-body.ts';

const OPEN_CONCURRENCY = 50;
const MAX_ATTEMPTS = 60;
const RETRY_MS = 1_000;
const HEAD_END = '\r\n\r\n';
/** All sockets read into it: its content is consumed before the next socket reads. */
const readBuffer = Buffer.alloc(64 * 1024);

/**
 * Opens event streams over SSE, each on its own connection; resolves when all of them have started. It reads the sockets
 * directly: a thousand clients of the library would take as long for an event as the server.
 */
export async function openSse(url: string, count: number, onEvent: OnEvent): Promise<AsyncDisposable> {
  const sockets: Socket[] = [];
  for (let open = 0; open < count; open += OPEN_CONCURRENCY) {
    const batch = Array.from({ length: Math.min(OPEN_CONCURRENCY, count - open) }, () => openWithRetry(url, onEvent));
    sockets.push(...(await Promise.all(batch)));
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Retries after a 503, like an EventSource. */
async function openWithRetry(url: string, onEvent: OnEvent): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = await openStream(new URL(url), onEvent);
    if (socket) return socket;
    if (attempt === MAX_ATTEMPTS) throw new Error('the streams could not be opened: every attempt was refused');
    await delay(RETRY_MS * Math.random());
  }
}

/** The stream, or undefined if it is refused with a 503. */
function openStream({ hostname, port, host }: URL, onEvent: OnEvent): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const body = new SseBodyReader(onEvent);
    let head: string | undefined = '';
    const read = (count: number, bytes: Uint8Array): boolean => {
      const received = bytes.subarray(0, count) as Buffer;
      if (head === undefined) return body.add(received);
      head += received.toString('latin1');
      const end = head.indexOf(HEAD_END);
      if (end < 0) return true;
      const status = head.slice(0, end).split(' ')[1];
      if (status === '200') resolve(socket);
      else if (status === '503') resolve(void socket.destroy());
      else reject(new Error(`no stream: ${status}`));
      const rest = head.slice(end + HEAD_END.length);
      head = undefined;
      return body.add(Buffer.from(rest, 'latin1'));
    };
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer: readBuffer, callback: read } });
    socket.on('error', reject);
    socket.write(`GET /api/events/stream?types=session_created HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  });
}
