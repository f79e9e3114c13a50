import * as z from 'zod';
import { type SendUrlLookupConfig, sendUrlPlaceholders } from './config.ts';
import { type JsonSetting, objectError, parseJsonSetting } from './parse-json-setting.ts';

const EXAMPLE = '{"url": "https://orders.example/send-url?order={external_task_id}"}';
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

const faults = {
  url: 'needs an http or https URL without user, password and fragment, whose host holds no placeholder',
  placeholders: `needs in its url placeholders out of {${sendUrlPlaceholders.join('}, {')}}, and no others`,
  headers: 'needs for headers an object of names and texts, without those of the connection itself',
  field: 'needs for field a name, or several with dots between',
  onFailure: 'needs for on_failure one of retry, empty',
};

const setting: JsonSetting<SendUrlLookupConfig> = {
  name: 'AUTOSESSION_SEND_URL_LOOKUP',
  schema: z
    .strictObject(
      {
        url: z
          .string(faults.url)
          .refine(isFixedHostUrl, { error: faults.url, abort: true })
          .refine(hasKnownPlaceholders, faults.placeholders),
        headers: z.custom<Record<string, string>>(areHeaders, faults.headers).default({}),
        field: z.string(faults.field).regex(JSON_PATH, faults.field).default('send_url'),
        timeout_ms: wholeNumber('timeout_ms', 100, MAX_TIMEOUT_MS).default(3_000),
        cache_seconds: wholeNumber('cache_seconds', 0, 86_400).default(300),
        on_failure: z.enum(['retry', 'empty'], faults.onFailure).default('retry'),
      },
      {
        error: objectError(['url', 'headers', 'field', 'timeout_ms', 'cache_seconds', 'on_failure'], EXAMPLE),
      },
    )
    .transform(({ timeout_ms: timeoutMs, cache_seconds: cacheSeconds, on_failure: onFailure, ...rest }) => ({
      ...rest,
      timeoutMs,
      cacheSeconds,
      onFailure,
    })),
};

/**
 * The lookup that a JSON object describes; undefined for an empty text. Passes every fault to `report` as a sentence that
 * repeats no value: URL and headers may hold a secret.
 */
export function parseSendUrlLookup(text: string, report: (sentence: string) => void): SendUrlLookupConfig | undefined {
  return text === '' ? undefined : parseJsonSetting(setting, text, report);
}

function isFixedHostUrl(url: string): boolean {
  return HOST_PATTERN.test(url) && !url.includes('#') && URL.canParse(url.replace(PLACEHOLDER, 'x'));
}

function hasKnownPlaceholders(url: string): boolean {
  const names = [...url.matchAll(PLACEHOLDER)].map(([, name]) => name);
  const allowed: readonly unknown[] = sendUrlPlaceholders;
  return (
    names.length > 0 && names.every((name) => allowed.includes(name)) && !/[{}]/.test(url.replace(PLACEHOLDER, ''))
  );
}

/** Not a record of zod, which leaves out a field `__proto__` instead of refusing it. */
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

function wholeNumber(field: string, min: number, max: number) {
  const fault = `needs for ${field} a whole number from ${min} to ${max}`;
  return z.int(fault).min(min, fault).max(max, fault);
}
