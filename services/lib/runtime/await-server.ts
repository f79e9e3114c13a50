import type { Logger } from '../observability/logger.ts';
import { redactServerUrls } from '../observability/redact-server-urls.ts';
import { sleep } from './sleep.ts';

/** How long a start waits for a server that does not answer yet: databases that start at the same time take seconds. */
export const START_TIMEOUT_MS = 15_000;
const RETRY_INTERVAL_MS = 500;

/** A server that the process needs to start. */
export interface AwaitedServer {
  /** MySQL, Redis, NATS. */
  readonly name: string;
  readonly url: string;
  /** The variable that the URL comes from. */
  readonly setting: string;
  readonly logger: Logger;
}

/** The start cannot continue: the message names the server's URL, without its password. */
export class ServerUnreachableError extends Error {
  constructor({ name, url, setting }: AwaitedServer, waitedMs: number, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const what = waitedMs > 0 ? `does not answer after ${Math.round(waitedMs / 1_000)} s` : 'cannot be used';
    super(`${name} at ${redactServerUrls(url)} (${setting}) ${what}: ${text}`);
  }
}

/** Logs that a start waits for a server. */
export function logAwaitedServer({ name, url, logger }: AwaitedServer, error: unknown): void {
  const line = { event: 'server_connecting', server: name, url: redactServerUrls(url) };
  const text = error instanceof Error ? error.message : String(error);
  logger.warn({ ...line, error: text }, `waiting for ${name} at ${redactServerUrls(url)}`);
}

/**
 * Connects to a server that may still be starting: retries for 15 s, and logs once that it waits. Throws
 * ServerUnreachableError, at once for errors that `isFinal` accepts.
 */
export async function awaitServer<T>(
  server: AwaitedServer,
  connect: () => Promise<T>,
  isFinal: (error: unknown) => boolean,
): Promise<T> {
  const startedAt = performance.now();
  for (let first = true; ; first = false) {
    try {
      return await connect();
    } catch (error) {
      if (isFinal(error)) throw new ServerUnreachableError(server, 0, error);
      if (performance.now() - startedAt > START_TIMEOUT_MS)
        throw new ServerUnreachableError(server, START_TIMEOUT_MS, error);
      if (first) logAwaitedServer(server, error);
    }
    await sleep(RETRY_INTERVAL_MS, AbortSignal.timeout(START_TIMEOUT_MS));
  }
}
