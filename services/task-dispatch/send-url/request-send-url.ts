import type { SendUrlLookupConfig } from '../../lib/config/config.ts';
import { readSendUrlField } from '../domain/send-url.ts';

/** The response is a small JSON object. */
const MAX_RESPONSE_BYTES = 65_536;
/** Statuses that say nothing about the task, as 5xx does. */
const RETRYABLE_STATUSES = [408, 425, 429];

/** The order system gave no usable response. */
export class SendUrlLookupError extends Error {
  /** For logs and metrics; never a part of the URL, the headers or the response. */
  readonly reason: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;

  constructor(reason: string, { retryable = true }: { retryable?: boolean } = {}) {
    super(reason);
    this.reason = reason;
    this.retryable = retryable;
  }
}

/**
 * Requests the send URL once. Empty when the order system has none (404, 410, 204, an empty field). Redirects are not followed:
 * they would send the headers to a host that is not configured. Throws SendUrlLookupError.
 */
export async function requestSendUrl(
  url: string,
  { headers, field }: Pick<SendUrlLookupConfig, 'headers' | 'field'>,
  tenant: string,
  signal: AbortSignal,
): Promise<string> {
  const all = { accept: 'application/json', 'user-agent': 'AutoSession', 'x-autosession-tenant': tenant, ...headers };
  try {
    const response = await fetch(url, { headers: all, redirect: 'manual', signal });
    const text = await bodyOf(response);
    return response.status === 204 ? '' : parseSendUrl(text, field);
  } catch (error) {
    if (error instanceof NoSendUrlError) return '';
    throw error instanceof SendUrlLookupError ? error : new SendUrlLookupError(nameOf(error));
  }
}

class NoSendUrlError extends Error {}

async function bodyOf(response: Response): Promise<string> {
  const { ok, status, body } = response;
  if (!ok) {
    // a body that is not read keeps its connection open
    await body?.cancel();
    if (status === 404 || status === 410) throw new NoSendUrlError();
    throw new SendUrlLookupError(`http_${status}`, { retryable: status >= 500 || RETRYABLE_STATUSES.includes(status) });
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    // leaving the loop cancels the rest of the body
    if (size > MAX_RESPONSE_BYTES) throw new SendUrlLookupError('too_large', { retryable: false });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseSendUrl(text: string, field: string): string {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new SendUrlLookupError('not_json', { retryable: false });
  }
  const parsed = readSendUrlField(answer, field);
  if (parsed.kind === 'wrong') throw new SendUrlLookupError('wrong_shape', { retryable: false });
  return parsed.kind === 'found' ? parsed.url : '';
}

/** The reason of a network failure. Its own text may contain the URL. */
function nameOf(error: unknown): string {
  const { name } = error as { name?: string };
  return name === 'TimeoutError' || name === 'AbortError' ? 'timeout' : 'network';
}
