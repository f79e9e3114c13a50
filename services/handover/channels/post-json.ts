import { DeliveryError } from './channel.ts';

/** How long a receiver may take for one message, in milliseconds. */
export const SEND_TIMEOUT_MS = 5_000;

/** Statuses of 4xx that say nothing about the message itself. */
const TRANSIENT_STATUSES = [408, 425, 429];

/** Whether a status that is not 2xx stands for a no, rather than for a receiver that is away or busy. */
export function isPermanentFailure(status: number): boolean {
  return status < 500 && !TRANSIENT_STATUSES.includes(status);
}

/**
 * Posts `body` and returns what `read` makes of the answer. Redirects are not followed: they would carry the message, and its
 * signature, to a place that nobody configured. Throws DeliveryError when there is no answer, or it breaks off.
 */
export async function postJson<T>(
  url: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
  readResponse: (response: Response) => Promise<T>,
): Promise<T> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'AutoSession', ...headers },
      body,
      signal,
      redirect: 'manual',
    });
    return await readResponse(response);
  } catch (error) {
    throw new DeliveryError(networkErrorName(error));
  }
}

/** The kind of a network failure; never its text, which may show the URL. */
function networkErrorName(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return 'no answer in time';
  return typeof cause?.code === 'string' ? `network: ${cause.code}` : 'network';
}
