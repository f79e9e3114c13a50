import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type EncryptionKey, parseEncryptionKeys } from '../config/parse-encryption-keys.ts';

/**
 * The keys of the installation, the current one first: those of AUTOSESSION_ENCRYPTION_KEYS, else, embedded, those of a file in
 * the data folder, which the first start creates. Empty on servers without the setting. Throws when the file cannot be read or
 * written.
 */
export async function loadEncryptionKeys(config: Config): Promise<readonly EncryptionKey[]> {
  if (config.encryptionKeys.length > 0 || config.servers) return config.encryptionKeys;
  if (config.dataDir === ':memory:') return [{ id: 'memory', secret: randomBytes(32) }];
  const file = join(config.dataDir, 'keys.json');
  return readKeys(file) ?? (await createKeys(file));
}

function readKeys(file: string): readonly EncryptionKey[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read: let this user read it`, { cause: error });
  }
  const problems: string[] = [];
  const keys = parseEncryptionKeys(text, (problem) => problems.push(problem));
  if (problems.length > 0 || keys.length === 0)
    throw new Error(
      `${file} holds no list of keys as AUTOSESSION_ENCRYPTION_KEYS does: restore it from the backup, or remove it; the audit then counts as signed by an unknown key`,
    );
  return keys;
}

/** The file appears whole and on the disk before the first use: what a lost key has signed could never be verified. */
async function createKeys(file: string): Promise<readonly EncryptionKey[]> {
  const key = { id: `generated-${randomBytes(4).toString('hex')}`, key: randomBytes(32).toString('hex') };
  const unfinished = `${file}.new`;
  await writeDurably(unfinished, `${JSON.stringify([key])}\n`);
  await rename(unfinished, file);
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
  return [{ id: key.id, secret: Buffer.from(key.key, 'hex') }];
}

async function writeDurably(file: string, text: string): Promise<void> {
  // overwrites what an interrupted start has left
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
