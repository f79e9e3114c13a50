import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../services/lib/config/load-config.ts';
import { loadEncryptionKeys } from '../../../../services/lib/runtime/encryption-keys.ts';

const given = [{ id: 'new', key: 'ab'.repeat(32) }];
const servers = { MYSQL_URL: 'mysql://h/auto_session', REDIS_HOST: 'h', NATS_URL: 'nats://h' };

describe('the keys of the installation', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'auto-session-keys-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const load = (env: Record<string, string> = {}) =>
    loadEncryptionKeys(loadConfig({ AUTOSESSION_DATA_DIR: folder, ...env }));
  const file = () => join(folder, 'keys.json');

  it('are made by the first embedded start, for its owner alone, and stay the same', async () => {
    const first = await load();
    expect(first).toHaveLength(1);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(await load()).toEqual(first);
  });

  it('are created by the next start when the first one was interrupted', async () => {
    writeFileSync(`${file()}.new`, '[{"id": "gen');
    const [key] = await load();
    expect(key?.secret).toHaveLength(32);
    expect(readdirSync(folder)).toEqual(['keys.json']);
  });

  it('are those of the setting, and there is none on servers without it', async () => {
    const setting = { AUTOSESSION_ENCRYPTION_KEYS: JSON.stringify(given) };
    const secret = Buffer.from('ab'.repeat(32), 'hex');
    expect(await load(setting)).toEqual([{ id: 'new', secret }]);
    expect(await load({ ...servers, ...setting })).toEqual([{ id: 'new', secret }]);
    expect(await load(servers)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are refused in a sentence when the file or the setting holds none, and no value is repeated', async () => {
    writeFileSync(file(), '{"secret": 1}');
    await expect(load()).rejects.toThrow(/keys\.json holds no list of keys/);
    expect(readFileSync(file(), 'utf8')).toBe('{"secret": 1}');
    const wrong = JSON.stringify([{ id: 'a', key: 'cafe' }]);
    await expect(async () => load({ AUTOSESSION_ENCRYPTION_KEYS: wrong })).rejects.toThrow(
      /AUTOSESSION_ENCRYPTION_KEYS: entry 1 needs a key of 64 hexadecimal digits(?!.*cafe)/,
    );
  });
});
