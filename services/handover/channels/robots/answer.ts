import { DeliveryError } from '../channel.ts';
import { isRefusal } from '../http.ts';
import { retryAfterMs } from '../retry-after.ts';
import type { Meaning, Vendor } from './vendor.ts';

/** What a robot answered. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** An answer of a robot has some dozen bytes; a longer one comes from something else. */
const LONGEST_ANSWER = 65_536;

/** Reads an answer to its end; a longer one than any robot's counts as empty. */
export async function readAnswer({ ok, status, headers, body }: Response): Promise<Answer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > LONGEST_ANSWER) return { ok, status, headers, text: '' };
    parts.push(part);
  }
  return { ok, status, headers, text: Buffer.concat(parts).toString('utf8') };
}

/** Returns when the answer is a yes: a 2xx with code 0. Vendors say no with status 200. Throws DeliveryError else. */
export function acceptOnlyYes(vendor: Vendor, { ok, status, headers, text }: Answer, now: number): void {
  const code = codeOf(vendor, text);
  if (ok && code === 0) return;
  const said = code === undefined || code === 0 ? `HTTP ${status}` : `HTTP ${status}, code ${code}`;
  const meaning = code ? vendor.meanings[code] : undefined;
  if (meaning === 'limited' || status === 429) throw limited(said, vendor, headers, now);
  if (meaning) throw new DeliveryError(`${said} (${meaning})`, whatItMeans[meaning]);
  // A yes of a proxy or of a page is nobody's yes, and an unknown code may be for the words: others must not wait for it.
  if (ok || (code && isRefusal(status)))
    throw new DeliveryError(ok && !code ? `${said} without an answer` : said, { ofContent: true });
  throw new DeliveryError(said, { permanent: isRefusal(status), retryAfterMs: asked(headers, now) });
}

const whatItMeans: Record<Exclude<Meaning, 'limited'>, { permanent: boolean; ofContent?: boolean }> = {
  busy: { permanent: false },
  misconfigured: { permanent: true },
  content: { permanent: true, ofContent: true },
};

function limited(said: string, vendor: Vendor, headers: Headers, now: number): DeliveryError {
  return new DeliveryError(`${said} (limited)`, { retryAfterMs: asked(headers, now) ?? vendor.limitedMs });
}

/** 飞书开放平台《频控策略》 says the seconds in x-ogw-ratelimit-reset. */
function asked(headers: Headers, now: number): number | undefined {
  return retryAfterMs(headers.get('retry-after') ?? headers.get('x-ogw-ratelimit-reset'), now);
}

function codeOf(vendor: Vendor, text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? vendor.codeOf(parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
