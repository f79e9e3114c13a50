import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../../services/lib/config/load-config.ts';
import { readEnvironment } from '../../../../services/lib/config/read-environment.ts';

function problemsOf(env: Record<string, string>, placed?: Parameters<typeof loadConfig>[1]): readonly string[] {
  try {
    loadConfig(env, placed);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('is the embedded default without any environment', () => {
    expect(loadConfig({})).toMatchObject({ httpPort: 8000, rpcPort: 50051, host: '127.0.0.1', dataDir: '.data' });
    expect(loadConfig({}).servers).toBeUndefined();
  });

  it('takes an empty value for an unset one', () => {
    expect(loadConfig({ AUTOSESSION_HTTP_PORT: '', AUTOSESSION_TIMEZONE: ' ' }).httpPort).toBe(8000);
  });

  it.each([
    ['AUTOSESSION_HTTP_PORT', '70000'],
    ['AUTOSESSION_HTTP_PORT', '80a'],
    ['AUTOSESSION_LEASE_SECONDS', '0'],
    ['AUTOSESSION_UNKNOWN_POLICY', 'maybe'],
    ['AUTOSESSION_TIMEZONE', 'Mars/Olympus'],
    ['AUTOSESSION_LEGACY_STATUS', 'perhaps'],
    ['AUTOSESSION_WEBHOOKS', '[{"url": "ftp://x", "secret": "s"}]'],
    ['AUTOSESSION_WEBHOOKS', 'nope'],
    ['AUTOSESSION_HOST', '0.0.0.0'],
    ['AUTOSESSION_HOST', '127.0.0.999'],
    ['AUTOSESSION_API_KEYS', 'nope'],
    ['AUTOSESSION_CORS_ORIGINS', '*'],
    ['AUTOSESSION_CORS_ORIGINS', 'null'],
    ['AUTOSESSION_CORS_ORIGINS', 'workbench.example'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://*.example'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://workbench.example/'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://workbench.example:443'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://Workbench.example'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://user@workbench.example'],
    ['AUTOSESSION_CORS_ORIGINS', 'file:///index.html'],
    ['AUTOSESSION_CORS_ORIGINS', 'https://workbench.example http://localhost:5173'],
    ['LOG_LEVEL', 'loud'],
    ['MYSQL_URL', 'postgres://x'],
  ])('says in a sentence what is wrong with %s=%s', (name, value) => {
    const [problem] = problemsOf({ [name]: value });
    expect(problem).toContain(name);
    expect(problem).toMatch(/\.$/);
  });

  it('says everything that is wrong at once', () => {
    expect(problemsOf({ AUTOSESSION_HTTP_PORT: 'x', LOG_LEVEL: 'loud' })).toHaveLength(2);
  });

  it('wants MySQL, Redis and NATS together, or none of them', () => {
    expect(problemsOf({ MYSQL_URL: 'mysql://u:p@h/db' })[0]).toContain(
      'REDIS_URL or REDIS_HOST and NATS_URL are not set',
    );
    const all = loadConfig({
      MYSQL_URL: 'mysql://u:p@h/db',
      REDIS_HOST: 'r',
      REDIS_DB: '2',
      NATS_URL: 'nats://n:4222',
    });
    expect(all.servers).toMatchObject({ mysqlUrl: 'mysql://u:p@h/db', redis: { url: 'redis://r:6379/2' } });
  });

  it('never repeats a password', () => {
    const text = problemsOf({ MYSQL_URL: 'mysql://user:hunter2@h', REDIS_URL: 'http://:hunter2@r' }).join('\n');
    expect(text).not.toContain('hunter2');
  });

  it.each([
    ['AUTOSESSION_HTTP_PROT', 'AUTOSESSION_HTTP_PORT'],
    ['AUTOSESSION_PORT', 'AUTOSESSION_HTTP_PORT'],
    ['AUTOSESSION_API_KEYES', 'AUTOSESSION_API_KEYS'],
    ['autosession_lease_seconds', 'AUTOSESSION_LEASE_SECONDS'],
    ['AUTO_SESSION_TIMEZONE', 'AUTOSESSION_TIMEZONE'],
  ])('names the setting that %s is nearest to', (name, nearest) => {
    const [problem, ...others] = problemsOf({ [name]: '8001' });
    expect(problem).toBe(`${name} is no setting: the nearest one is ${nearest}.`);
    expect(others).toEqual([]);
  });

  it('ignores variables that Kubernetes sets for a service of that name, or that clients read', () => {
    const links = {
      AUTOSESSION_PORT: 'tcp://10.0.0.1:8000',
      AUTOSESSION_SERVICE_HOST: '10.0.0.1',
      AUTOSESSION_SERVICE_PORT_HTTP: '8000',
      AUTOSESSION_GATEWAY_PORT_8000_TCP_ADDR: '10.0.0.1',
    };
    expect(problemsOf({ ...links, AUTOSESSION_URL: 'http://h', AUTOSESSION_API_KEY: 'k', AUTOSESSION_X: '' })).toEqual(
      [],
    );
  });

  describe('from a file', () => {
    const from = (bytes: Uint8Array | string) => {
      const folder = mkdtempSync(join(tmpdir(), 'auto-session-env-'));
      try {
        writeFileSync(join(folder, '.env'), bytes);
        return readEnvironment(folder).AUTOSESSION_BOT_PREFIX;
      } finally {
        rmSync(folder, { recursive: true });
      }
    };
    const line = 'AUTOSESSION_BOT_PREFIX=机器人\r\n';

    it('may begin with a byte-order mark', () => {
      expect(from(`\ufeff${line}`)).toBe('机器人');
    });

    it.each([
      ['UTF-16', Buffer.from(`\ufeff${line}`, 'utf16le')],
      ['UTF-16', Buffer.from(line, 'utf16le')],
      ['UTF-16', Buffer.from(`\ufeff${line}`, 'utf16le').swap16()],
      ['not in UTF-8', Buffer.concat([Buffer.from('AUTOSESSION_BOT_PREFIX='), Buffer.from([0xbb, 0xfa, 0xc6, 0xf7])])],
    ])('is refused with a sentence in another encoding: %s', (text, bytes) => {
      expect(() => from(bytes)).toThrow(ConfigError);
      expect(() => from(bytes)).toThrow(text);
    });

    it.each([
      ['AUTOSESSION_STRICT_LEASE true'],
      ['AUTOSESSION_STRICT_LEASE: true'],
      ['AUTOSESSION_STRICT_LEASE＝true'],
      ['export AUTOSESSION_STRICT_LEASE true'],
    ])('is refused with a line that sets nothing: %s', (text) => {
      expect(() => from(`${line}${text}\n`)).toThrow('write AUTOSESSION_STRICT_LEASE=VALUE.');
      expect(() => from(`${line}${text}\n`)).toThrow(ConfigError);
    });

    it.each([
      ['a comment', '# LOG_LEVEL is info'],
      ['a name alone, which is empty', 'LOG_LEVEL'],
      ['a name alone before a comment', 'LOG_LEVEL # the default'],
      ['a value of several lines', "NOTE_TEXT='one\nLOG_LEVEL is info'"],
    ])('may have %s', (_, text) => {
      expect(from(`${text}\n${line}`)).toBe('机器人');
    });

    it('is named when it is there and cannot be read', () => {
      const folder = mkdtempSync(join(tmpdir(), 'auto-session-env-'));
      try {
        mkdirSync(join(folder, '.env'));
        expect(() => readEnvironment(folder)).toThrow(ConfigError);
        expect(() => readEnvironment(folder)).toThrow(`${folder}/.env cannot be read`);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe('of a process that runs some services only', () => {
    const servers = { MYSQL_URL: 'mysql://u:p@h/db', REDIS_HOST: 'r', NATS_URL: 'nats://n:4222' };
    const secret = { AUTOSESSION_INTERNAL_SECRET: 'x'.repeat(32) };
    const placed = { local: [{ name: 'session' }], remote: [{ name: 'task-dispatch' }], split: true };

    it('knows every address of the services that it calls', () => {
      const env = { ...servers, ...secret, TASK_DISPATCH_URL: 'http://a:50051, http://b:50051' };
      expect(loadConfig(env, placed).peers).toEqual({ 'task-dispatch': ['http://a:50051', 'http://b:50051'] });
    });

    it.each([
      ['TASK_DISPATCH_URL', { TASK_DISPATCH_URL: '' }],
      ['TASK_DISPATCH_URL', { TASK_DISPATCH_URL: 'a:50051' }],
      ['TASK_DISPATCH_URL', { TASK_DISPATCH_URL: 'http://a:50051/path' }],
      ['TASK_DISPATCH_URL', { TASK_DISPATCH_URL: 'http://a:50051,' }],
      ['AUTOSESSION_INTERNAL_SECRET', { AUTOSESSION_INTERNAL_SECRET: '' }],
      ['AUTOSESSION_INTERNAL_SECRET', { AUTOSESSION_INTERNAL_SECRET: 'short' }],
      ['AUTOSESSION_INTERNAL_SECRET', { AUTOSESSION_INTERNAL_SECRET: '密'.repeat(32) }],
    ])('says in a sentence what is wrong with %s in %j', (name, env) => {
      const [problem, ...others] = problemsOf(
        { ...servers, ...secret, TASK_DISPATCH_URL: 'http://a:50051', ...env },
        placed,
      );
      expect(others).toEqual([]);
      expect(problem).toContain(name);
      expect(problem).toMatch(/\.$/);
    });

    it('wants the servers that the processes share', () => {
      expect(problemsOf({ ...secret, TASK_DISPATCH_URL: 'http://a:50051' }, placed)[0]).toContain('MYSQL_URL');
    });

    it('may be reached from other machines, since it answers to services alone', () => {
      const env = { ...servers, ...secret, TASK_DISPATCH_URL: 'http://a:50051', AUTOSESSION_HOST: '0.0.0.0' };
      expect(problemsOf(env, placed)).toEqual([]);
    });
  });
});
