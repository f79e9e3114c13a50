import { DeliveryError } from '../channel.ts';
import { isPermanentFailure } from '../post-json.ts';
import { parseRetryAfter } from '../retry-after.ts';
import type { BotVendor, ErrorClass } from './vendor.ts';

/** A chat bot's response. */
export interface BotResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A chat bot's response has a few dozen bytes; a longer one comes from something else. */
const MAX_RESPONSE_BYTES = 65_536;

/** Reads a response; the text of one over the limit counts as empty. */
export async function readBotResponse({ ok, status, headers, body }: Response): Promise<BotResponse> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) return { ok, status, headers, text: '' };
    chunks.push(chunk);
  }
  return { ok, status, headers, text: Buffer.concat(chunks).toString('utf8') };
}

/** Returns for a 2xx with code 0, else throws DeliveryError: vendors send rejections with status 200 too. */
export function assertAccepted(vendor: BotVendor, { ok, status, headers, text }: BotResponse, now: number): void {
  const code = parseResultCode(vendor, text);
  if (ok && code === 0) return;
  const description = code === undefined || code === 0 ? `HTTP ${status}` : `HTTP ${status}, code ${code}`;
  const errorClass = code ? vendor.errorClasses[code] : undefined;
  if (errorClass === 'limited' || status === 429) throw rateLimitedError(description, vendor, headers, now);
  if (errorClass) throw new DeliveryError(`${description} (${errorClass})`, failureByErrorClass[errorClass]);
  // A 2xx without the vendor's success code is not an acknowledgement, and an unknown code may concern the content: other
  // reminders must not wait for it.
  if (ok || (code && isPermanentFailure(status)))
    throw new DeliveryError(ok && !code ? `${description} without an answer` : description, { ofContent: true });
  throw new DeliveryError(description, {
    permanent: isPermanentFailure(status),
    retryAfterMs: requestedDelayMs(headers, now),
  });
}

const failureByErrorClass: Record<Exclude<ErrorClass, 'limited'>, { permanent: boolean; ofContent?: boolean }> = {
  busy: { permanent: false },
  misconfigured: { permanent: true },
  content: { permanent: true, ofContent: true },
};

function rateLimitedError(description: string, vendor: BotVendor, headers: Headers, now: number): DeliveryError {
  return new DeliveryError(`${description} (limited)`, {
    retryAfterMs: requestedDelayMs(headers, now) ?? vendor.rateLimitPauseMs,
  });
}

/** 飞书开放平台《频控策略》 gives the seconds in x-ogw-ratelimit-reset. */
function requestedDelayMs(headers: Headers, now: number): number | undefined {
  return parseRetryAfter(headers.get('retry-after') ?? headers.get('x-ogw-ratelimit-reset'), now);
}

function parseResultCode(vendor: BotVendor, text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null
      ? vendor.resultCode(parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
