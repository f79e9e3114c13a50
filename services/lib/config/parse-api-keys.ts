import * as z from 'zod';
import { type ApiKey, digestApiKey } from '../auth/api-keys.ts';
import { scopesByName } from '../auth/scopes.ts';
import { type JsonSetting, objectError, parseJsonSetting } from './parse-json-setting.ts';

const EXAMPLE = '[{"key": "…", "name": "upstream-1", "tenant": "default", "scopes": ["upstream"]}]';
/** Visible ASCII, since it travels in a header; shorter ones could be guessed. */
const KEY_PATTERN = /^[\x21-\x7e]{24,200}$/;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/;
/** It is a part of event subjects, queue keys and columns. */
const TENANT_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** What logs and the audit call background work and callers without a key. */
const RESERVED_NAMES = ['system', 'anonymous'];

/** A key with the scope chat would reach every session. */
function keyScopes(): string[] {
  return Object.keys(scopesByName).filter((name) => name !== 'chat');
}

const faults = {
  list: `is not a list as in ${EXAMPLE}`,
  key: 'needs a key of 24 to 200 visible ASCII characters, as from: openssl rand -hex 24',
  name: 'needs a name of at most 64 letters, digits, "-", "_", "." or "@"',
  reservedName: `has a name that stands for something else: ${RESERVED_NAMES.join(', ')}`,
  tenant: 'needs a tenant of at most 64 letters, digits, "-" or "_"',
  scopes: `needs scopes out of ${keyScopes().join(', ')}`,
  chat: 'has the scope chat, which needs a token per session (AUTOSESSION_JWT_SECRET and its like), not a key',
};

const entry = z.strictObject(
  {
    key: z.string(faults.key).regex(KEY_PATTERN, faults.key),
    name: z
      .string(faults.name)
      .regex(NAME_PATTERN, faults.name)
      .refine((name) => !RESERVED_NAMES.includes(name), faults.reservedName),
    tenant: z.string(faults.tenant).regex(TENANT_PATTERN, faults.tenant),
    scopes: z
      .array(z.enum(Object.keys(scopesByName), faults.scopes), faults.scopes)
      .min(1, faults.scopes)
      .refine((given) => !given.includes('chat'), faults.chat),
  },
  { error: objectError(['key', 'name', 'tenant', 'scopes'], EXAMPLE) },
);

const setting: JsonSetting<z.output<typeof entry>[]> = {
  name: 'AUTOSESSION_API_KEYS',
  schema: z.array(entry, faults.list).min(1, faults.list),
  unique: { key: 'key', name: 'name' },
};

/**
 * The keys that a JSON list names. Passes every fault to `report` as a sentence that repeats no value: a key may stand where a
 * name should.
 */
export function parseApiKeys(text: string, report: (sentence: string) => void): ApiKey[] {
  if (text === '') return [];
  const entries = parseJsonSetting(setting, text, report) ?? [];
  return entries.map(({ key, ...rest }) => ({ digest: digestApiKey(key), ...rest }));
}
