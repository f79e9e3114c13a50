import type { IncomingMessage } from 'node:http';

/** After so much of a refused body the connection is closed. */
const MAX_DRAIN_BYTES = 32 * 1024 * 1024;
const DRAIN_TIMEOUT_MS = 5_000;

/**
 * Reads and discards the rest of a refused body. Most clients write the whole request before they read the answer: if the
 * connection closed earlier, they would see a broken connection instead of the error.
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
