import { type SendUrlLookupConfig, sendUrlPlaceholders } from './config.ts';

const VARIABLE = 'AUTOSESSION_SEND_URL_LOOKUP';
const EXAMPLE = '{"url": "https://orders.example/send-url?order={external_task_id}"}';
const FIELDS: readonly string[] = ['url', 'headers', 'field', 'timeout_ms', 'cache_seconds', 'on_failure'];
/** Nothing of a task may decide which host is called. */
const HOST_PATTERN = /^https?:\/\/[^/?#{}@\s]+(?=[/?])/;
const PLACEHOLDER = /\{([^{}]*)\}/g;
const HEADER_NAME = /^[A-Za-z0-9-]{1,100}$/;
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,2000}[\x21-\x7e])?$/;
/** What the connection itself says. */
const RESERVED_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'keep-alive',
  'te',
];
const JSON_PATH = /^[\w-]{1,100}(\.[\w-]{1,100}){0,9}$/;
/** A sender's request for what to send has 10 s in all. */
const MAX_TIMEOUT_MS = 8_000;

/**
 * The lookup that a JSON object describes; undefined for an empty text. Whatever is wrong with it goes to `problem` as a
 * sentence that repeats no value: URL and headers may hold a secret.
 */
export function parseSendUrlLookup(text: string, report: (sentence: string) => void): SendUrlLookupConfig | undefined {
  if (text === '') return undefined;
  const settings = parseJsonObject(text);
  if (!settings) {
    report(`${VARIABLE} is not an object as in ${EXAMPLE}.`);
    return undefined;
  }
  const {
    url,
    headers = {},
    field = 'send_url',
    timeout_ms: timeoutMs = 3_000,
    cache_seconds: cacheSeconds = 300,
    on_failure: onFailure = 'retry',
  } = settings;
  const faults = [
    Object.keys(settings).some((name) => !FIELDS.includes(name)) && `has a field beside ${FIELDS.join(', ')}`,
    faultOfUrl(url),
    !areHeaders(headers) && 'needs for headers an object of names and texts, without those of the connection itself',
    !(typeof field === 'string' && JSON_PATH.test(field)) && 'needs for field a name, or several with dots between',
    !isWithin(timeoutMs, 100, MAX_TIMEOUT_MS) && `needs for timeout_ms a whole number from 100 to ${MAX_TIMEOUT_MS}`,
    !isWithin(cacheSeconds, 0, 86_400) && 'needs for cache_seconds a whole number from 0 to 86400',
    onFailure !== 'retry' && onFailure !== 'empty' && 'needs for on_failure one of retry, empty',
  ].filter((fault) => typeof fault === 'string');
  for (const fault of faults) report(`${VARIABLE} ${fault}.`);
  return faults.length > 0
    ? undefined
    : ({ url, headers, field, timeoutMs, cacheSeconds, onFailure } as SendUrlLookupConfig);
}

function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function faultOfUrl(url: unknown): string | undefined {
  if (
    typeof url !== 'string' ||
    !HOST_PATTERN.test(url) ||
    url.includes('#') ||
    !URL.canParse(url.replace(PLACEHOLDER, 'x'))
  )
    return 'needs an http or https URL without user, password and fragment, whose host holds no placeholder';
  const names = [...url.matchAll(PLACEHOLDER)].map(([, name]) => name);
  const allowed: readonly unknown[] = sendUrlPlaceholders;
  if (names.length > 0 && names.every((name) => allowed.includes(name)) && !/[{}]/.test(url.replace(PLACEHOLDER, '')))
    return undefined;
  return `needs in its url placeholders out of {${sendUrlPlaceholders.join('}, {')}}, and no others`;
}

function areHeaders(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, text]) =>
      HEADER_NAME.test(name) &&
      !RESERVED_HEADERS.includes(name.toLowerCase()) &&
      typeof text === 'string' &&
      HEADER_VALUE.test(text),
  );
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
