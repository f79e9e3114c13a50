import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../support/processes/server-process.ts';
import { reservePort } from '../support/servers/reserve-port.ts';
import { startMariadb, startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServers, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem } from '../support/test-system.ts';

const folders: string[] = [];
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'auto-session-start-')));
  return folders.at(-1) ?? '';
};
afterEach(() => {
  for (const each of folders.splice(0)) rmSync(each, { recursive: true, force: true });
});

/** Starts a process that is expected to exit; returns its JSON lines and the rest of its output. */
async function failedStart(env: Record<string, string>) {
  const ports = { AUTOSESSION_HTTP_PORT: '0', AUTOSESSION_RPC_PORT: '0' };
  const { code, output } = await runCommand(process.execPath, ['services/main.ts'], { ...ports, ...env }).ended;
  const lines = output.split('\n').filter(Boolean);
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  return { code, output, events, sentences: lines.filter((line) => !line.startsWith('{')) };
}

describe('a start on a port that is in use', () => {
  it.each(['AUTOSESSION_HTTP_PORT', 'AUTOSESSION_RPC_PORT'])(
    'ends with a sentence about %s before it touches the database',
    async (name) => {
      await using system = await startTestSystem('embedded');
      const port = String(name === 'AUTOSESSION_HTTP_PORT' ? system.process.httpPort : system.process.rpcPort);
      const data = folder();
      const { code, sentences } = await failedStart({ AUTOSESSION_DATA_DIR: data, [name]: port });
      expect([code, sentences]).toEqual([
        1,
        [
          'Auto Session cannot start.',
          `port ${port} of 127.0.0.1 is taken: set ${name} to another one, or to 0 for any free one`,
        ],
      ]);
      expect(existsSync(join(data, 'auto-session.db'))).toBe(false);
    },
  );
});

describe('a start with a data folder that cannot be used', () => {
  const file = () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    return path;
  };

  it.each([
    ['of a file system without new folders', () => '/proc/x/y'],
    ['that is a file', file],
    ['in a file', () => join(file(), 'x')],
  ])('ends with a sentence that names the setting: %s', async (_title, path) => {
    const dataDir = path();
    const { code, sentences } = await failedStart({ AUTOSESSION_DATA_DIR: dataDir });
    expect([code, sentences]).toEqual([
      1,
      [
        'Auto Session cannot start.',
        expect.stringContaining(`nothing can be stored in the folder ${dataDir} (AUTOSESSION_DATA_DIR)`),
      ],
    ]);
  });

  it('creates missing folders, which only this user can read', async () => {
    const dataDir = join(folder(), 'a', 'b');
    await using _system = await startTestSystem('embedded', { env: { AUTOSESSION_DATA_DIR: dataDir } });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });
});

describe.runIf(sharedServersAvailable)('a start', () => {
  const servers = async () => ({
    MYSQL_URL: await createDatabase(),
    REDIS_URL: sharedServers()?.redisUrl ?? '',
    NATS_URL: sharedServers()?.natsUrl ?? '',
  });
  const away = [
    ['MySQL', 'MYSQL_URL', 'mysql://app:secret@127.0.0.1:PORT/db', 'mysql://app@127.0.0.1:PORT/db'],
    ['Redis', 'REDIS_URL', 'redis://:secret@127.0.0.1:PORT/0', 'redis://127.0.0.1:PORT/0'],
    ['NATS', 'NATS_URL', 'nats://app:secret@127.0.0.1:PORT', 'nats://app@127.0.0.1:PORT'],
    ['NATS', 'NATS_URL', 'nats://secret@127.0.0.1:PORT', 'nats://127.0.0.1:PORT'],
  ] as const;

  it.concurrent.each(away)(
    'waits 15 s for %s, and then ends with one sentence that has no password (%s=%s)',
    async (server, setting, url, shown) => {
      const port = String(await reservePort());
      const { code, output, events, sentences } = await failedStart({
        ...(await servers()),
        [setting]: url.replace('PORT', port),
        LOG_LEVEL: 'info',
      });
      expect(code).toBe(1);
      expect(sentences[0]).toBe('Auto Session cannot start.');
      const address = shown.replace('PORT', port);
      expect(sentences[1]).toMatch(
        new RegExp(`^${server} at ${address} \\(${setting}\\) does not answer after 15 s: `),
      );
      expect(sentences).toHaveLength(2);
      expect(events).toMatchObject([
        { event: 'server_connecting', level: 'warn', server, url: address },
        { event: 'start_failed' },
      ]);
      expect(output).not.toMatch(/secret| {4}at /);
    },
    60_000,
  );

  it('does not wait for a server that refuses it', async () => {
    const refused = { MYSQL_URL: (await createDatabase()).replace('root@', 'nobody:secret@') };
    const { code, output, events, sentences } = await failedStart({ ...(await servers()), ...refused });
    expect([code, sentences[1]]).toEqual([1, expect.stringMatching(/^MySQL at .* cannot be used: Access denied/)]);
    expect(events.map(({ event }) => event)).toEqual(['start_failed']);
    expect(output).not.toContain('secret');
  });

  it.each([
    [
      'MYSQL_URL',
      async () => {
        const server = await startMariadb();
        return Object.assign(server, { env: await server.createDatabase() });
      },
    ],
    ['REDIS_URL', async () => Object.assign(await startRedis(), {})],
    ['NATS_URL', async () => Object.assign(await startNats(), {})],
  ] as const)(
    'continues when the server of %s becomes available within that time',
    async (setting, make) => {
      await using server = await make();
      const url = 'env' in server ? String(server.env) : server.url;
      const env = { ...(await servers()), [setting]: url };
      await server.stop();
      const starting = startTestSystem('servers', { env });
      await server.start();
      await using system = await starting;
      expect((await system.rest.get('/readyz')).status).toBe(200);
    },
    60_000,
  );
});
