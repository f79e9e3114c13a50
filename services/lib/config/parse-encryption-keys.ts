import * as z from 'zod';
import { type JsonSetting, objectError, parseJsonSetting } from './parse-json-setting.ts';

/** A key of the installation. Purposes derive their own keys from it. */
export interface EncryptionKey {
  /** Stored beside what the key has signed or encrypted. */
  readonly id: string;
  readonly secret: Buffer;
}

const EXAMPLE = '[{"id": "2026-12", "key": "…"}]';

const faults = {
  list: `is not a list as in ${EXAMPLE}`,
  id: 'needs an id of at most 32 letters, digits, "-", "_" or "."',
  key: 'needs a key of 64 hexadecimal digits, as from: openssl rand -hex 32',
};

const entry = z.strictObject(
  {
    id: z.string(faults.id).regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/, faults.id),
    key: z.string(faults.key).regex(/^[0-9a-fA-F]{64}$/, faults.key),
  },
  { error: objectError(['id', 'key'], EXAMPLE) },
);

const setting: JsonSetting<z.output<typeof entry>[]> = {
  name: 'AUTOSESSION_ENCRYPTION_KEYS',
  schema: z.array(entry, faults.list).min(1, faults.list),
  unique: { id: 'id', key: 'key' },
};

/** The keys of a JSON list, the current one first. Passes every fault to `report` as a sentence that repeats no value. */
export function parseEncryptionKeys(text: string, report: (sentence: string) => void): EncryptionKey[] {
  if (text === '') return [];
  const entries = parseJsonSetting(setting, text, report) ?? [];
  return entries.map(({ id, key }) => ({ id, secret: Buffer.from(key, 'hex') }));
}
