import type { IncomingMessage } from 'node:http';

/** Beyond this a refused body is cut off. */
const MAX_DRAIN_BYTES = 32 * 1024 * 1024;
const DRAIN_TIMEOUT_MS = 5_000;

/**
 * Reads away what is left of a refused body. Most clients write all of a request before they look for the answer: closed
 * in the middle of it, they would see a broken connection in its place.
 */
export async function drainBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let remainingBytes = MAX_DRAIN_BYTES;
    const finish = () => {
      clearTimeout(timer);
      request.off('data', onData).off('end', finish).off('close', finish);
      resolve();
    };
    const onData = (chunk: Buffer) => {
      remainingBytes -= chunk.length;
      if (remainingBytes < 0) finish();
    };
    const timer = setTimeout(finish, DRAIN_TIMEOUT_MS);
    request.on('data', onData).once('end', finish).once('close', finish);
  });
}
