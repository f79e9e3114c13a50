import type { IncomingMessage } from 'node:http';

/** Beyond this a refused body is cut off. */
const MOST_BYTES = 32 * 1024 * 1024;
const LONGEST_MS = 5_000;

/**
 * Reads away what is left of a refused body. Most clients write all of a request before they look for the answer: closed
 * in the middle of it, they would see a broken connection in its place.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let left = MOST_BYTES;
    const end = () => {
      clearTimeout(timer);
      request.off('data', take).off('end', end).off('close', end);
      resolve();
    };
    const take = (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) end();
    };
    const timer = setTimeout(end, LONGEST_MS);
    request.on('data', take).once('end', end).once('close', end);
  });
}
