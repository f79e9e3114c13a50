import { DeliveryError } from './channel.ts';

export const SEND_TIMEOUT_MS = 5_000;

/** 4xx statuses that a repeat of the same message may not get. */
const TRANSIENT_STATUSES = [408, 425, 429];

/** Whether a status other than 2xx rejects the message, rather than report a receiver that is unavailable or busy. */
export function isPermanentFailure(status: number): boolean {
  return status < 500 && !TRANSIENT_STATUSES.includes(status);
}

/**
 * Posts `body` and returns the result of `readResponse`. Redirects are not followed: they would send the message and its
 * signature to a URL that is not configured. Throws DeliveryError when there is no complete response.
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
