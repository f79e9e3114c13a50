import { type ApiKey, digestApiKey } from '../auth/api-keys.ts';
import { scopesByName } from '../auth/scopes.ts';

const VARIABLE = 'AUTOSESSION_API_KEYS';
const EXAMPLE = '[{"key": "…", "name": "upstream-1", "tenant": "default", "scopes": ["upstream"]}]';
const FIELDS: readonly string[] = ['key', 'name', 'tenant', 'scopes'];
/** Visible ASCII, since it travels in a header; shorter ones could be guessed. */
const KEY_PATTERN = /^[\x21-\x7e]{24,200}$/;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/;
/** It is a part of event subjects, queue keys and columns. */
const TENANT_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** What logs and the audit call background work and callers without a key. */
const RESERVED_NAMES = ['system', 'anonymous'];

/**
 * The keys that a JSON list names. Whatever is wrong with it goes to `problem` as a sentence that repeats no value: a key
 * may stand where a name should.
 */
export function parseApiKeys(text: string, report: (sentence: string) => void): ApiKey[] {
  if (text === '') return [];
  const list = parseJson(text);
  if (!Array.isArray(list) || list.length === 0) {
    report(`${VARIABLE} is not a list as in ${EXAMPLE}.`);
    return [];
  }
  const wrong = list.flatMap((entry, index) => faultsOf(entry).map((fault) => `entry ${index + 1} ${fault}`));
  for (const field of ['key', 'name']) wrong.push(...duplicateFaults(list, field));
  for (const fault of wrong) report(`${VARIABLE}: ${fault}.`);
  if (wrong.length > 0) return [];
  return list.map(({ key, name, tenant, scopes }) => ({ digest: digestApiKey(key), name, tenant, scopes }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultsOf(entry: unknown): string[] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [`is not an object as in ${EXAMPLE}`];
  const { key, name, tenant, scopes } = entry as Record<string, unknown>;
  const faults: string[] = [];
  if (Object.keys(entry).some((field) => !FIELDS.includes(field)))
    faults.push(`has a field beside ${FIELDS.join(', ')}`);
  if (!matches(key, KEY_PATTERN))
    faults.push('needs a key of 24 to 200 visible ASCII characters, as from: openssl rand -hex 24');
  if (!matches(name, NAME_PATTERN)) faults.push('needs a name of at most 64 letters, digits, "-", "_", "." or "@"');
  if (RESERVED_NAMES.includes(name as string))
    faults.push(`has a name that stands for something else: ${RESERVED_NAMES.join(', ')}`);
  if (!matches(tenant, TENANT_PATTERN)) faults.push('needs a tenant of at most 64 letters, digits, "-" or "_"');
  if (!areScopes(scopes)) faults.push(`needs scopes out of ${Object.keys(scopesByName).join(', ')}`);
  return faults;
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function areScopes(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((scope) => Object.hasOwn(scopesByName, String(scope)));
}

/** One fault per entry that says the same in `field` as an earlier one. */
function duplicateFaults(list: readonly unknown[], field: string): string[] {
  const values = list.map((entry) => (entry as Record<string, unknown> | null)?.[field]);
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    return value === undefined || first === index ? [] : [`entry ${index + 1} has the ${field} of entry ${first + 1}`];
  });
}
