import { setTimeout as delay } from 'node:timers/promises';

const { AUTOSESSION_URL = 'http://127.0.0.1:8000', AUTOSESSION_API_KEY } = process.env;
const authHeaders = AUTOSESSION_API_KEY ? { 'x-api-key': AUTOSESSION_API_KEY } : {};
/** Longer than the longest long poll. */
const REQUEST_TIMEOUT_MS = 40_000;

// biome-ignore lint/suspicious/noExplicitAny: the example has no types of the answers
export type Json = any;

/**
 * A GET, or a POST if there is a body; retried while the answer asks for a retry. Returns the envelope. Throws if a human must
 * act first and the outcome is open: a refused key, an internal error.
 */
export async function call(path: string, body?: object, token?: string): Promise<Json> {
  const json = body ? { method: 'POST', body: JSON.stringify(body) } : {};
  const headers = {
    ...authHeaders,
    ...(body && { 'content-type': 'application/json' }),
    ...(token && { 'x-lease-token': token }),
  };
  for (;;) {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answer = await fetch(AUTOSESSION_URL + path, { ...json, headers, signal }).catch(() => undefined);
    if (answer && ![429, 502, 503, 504].includes(answer.status)) {
      const envelope: Json = await answer.json();
      if (answer.status >= 500 || [401, 403].includes(answer.status)) throw new Error(envelope.detail);
      return envelope;
    }
    await delay(Number(answer?.headers.get('retry-after') ?? 1) * 1_000);
  }
}
