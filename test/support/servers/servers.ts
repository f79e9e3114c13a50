import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { PrivateServer, type Program, type Server } from './private-server.ts';

export interface MariadbServer extends Server {
  /** The URL of a fresh, empty database. */
  createDatabase(): Promise<string>;
}

export interface RedisServer extends Server {
  flushall(): Promise<void>;
}

export interface NatsServer extends Server {
  /** Deletes all streams: stops it, deletes the JetStream folder, starts it. */
  wipe(): Promise<void>;
  /** Stops it, copies the JetStream folder, starts it; the returned function restores the copy in the same way. */
  backup(): Promise<() => Promise<void>>;
}

const run = promisify(execFile);

/** The path of the program on this machine, if it is installed. */
export function findBinary(binary: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
  return folders.map((folder) => join(folder, binary)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const binaries = {
  mariadbd: findBinary('mariadbd'),
  installDb: findBinary('mariadb-install-db'),
  redis: findBinary('redis-server'),
  nats: findBinary('nats-server'),
};

/** Which servers this machine can run. */
export const availableServers = {
  mariadb: Boolean(binaries.mariadbd && binaries.installDb),
  redis: Boolean(binaries.redis),
  nats: Boolean(binaries.nats),
};

function requireBinary(path: string | undefined, name: string): string {
  if (!path) throw new Error(`${name} is not installed (apt-get install mariadb-server redis-server nats-server)`);
  return path;
}

/** MariaDB's memory and log sizes, in its notation. */
export interface MariadbOptions {
  readonly bufferPool: string;
  readonly redoLog: string;
  /** For building indexes. */
  readonly sortBuffer: string;
  /** Whether it writes a binary log; false by default. */
  readonly binlog?: boolean;
}

export const SMALL_MARIADB_OPTIONS: MariadbOptions = { bufferPool: '64M', redoLog: '32M', sortBuffer: '1M' };

/** MariaDB; root needs no password. Its default character set is latin1, which the system must not depend on. */
export async function startMariadb(
  { bufferPool, redoLog, sortBuffer, binlog = false }: MariadbOptions = SMALL_MARIADB_OPTIONS,
  env?: Program['env'],
): Promise<MariadbServer> {
  // mariadbd refuses to run as root without --user
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
  const program: Program = {
    binary: requireBinary(binaries.mariadbd, 'mariadbd'),
    env,
    args: (folder, port) => [
      '--no-defaults',
      ...user,
      `--datadir=${join(folder, 'data')}`,
      `--socket=${join(folder, 'data', 's.sock')}`,
      `--tmpdir=${join(folder, 'data')}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      binlog ? '--log-bin' : '--skip-log-bin',
      '--performance-schema=OFF',
      '--character-set-server=latin1',
      '--max-connections=500',
      `--innodb-buffer-pool-size=${bufferPool}`,
      `--innodb-log-file-size=${redoLog}`,
      `--innodb-sort-buffer-size=${sortBuffer}`,
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-use-native-aio=0',
      '--innodb-fast-shutdown=2',
    ],
    prepare: async (folder) => {
      const args = [
        '--no-defaults',
        ...user,
        `--datadir=${join(folder, 'data')}`,
        `--tmpdir=${join(folder, 'data')}`,
        '--skip-test-db',
      ];
      await run(requireBinary(binaries.installDb, 'mariadb-install-db'), [
        ...args,
        '--auth-root-authentication-method=normal',
        `--innodb-log-file-size=${redoLog}`,
      ]);
    },
    // the server sends first: four bytes of header, then protocol version 10
    ready: { say: '', answered: (bytes) => bytes.length > 4 && bytes[4] === 10 },
  };
  const server = await PrivateServer.start('mariadb', program);
  const url = `mysql://root@127.0.0.1:${server.port}`;
  return server.toServer({ url: () => url, createDatabase: () => createDatabaseAt(url) });
}

/** Creates an empty database on the server at `serverUrl` and returns its URL. */
export async function createDatabaseAt(serverUrl: string): Promise<string> {
  const name = `t_${randomBytes(8).toString('hex')}`;
  const connection = await createConnection({ uri: serverUrl });
  try {
    await connection.query(`CREATE DATABASE ${name}`);
  } finally {
    await connection.end();
  }
  return `${serverUrl}/${name}`;
}

/** Redis; an append-only file keeps its data over a restart. */
export async function startRedis(): Promise<RedisServer> {
  const server = await PrivateServer.start('redis', {
    binary: requireBinary(binaries.redis, 'redis-server'),
    args: (folder, port) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', join(folder, 'data')],
      ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'no'],
    ],
    prepare: async (folder) => void (await mkdir(join(folder, 'data'))),
    ready: { say: 'PING\r\n', answered: (bytes) => bytes.toString().startsWith('+PONG') },
  });
  return server.toServer({
    url: (port) => `redis://127.0.0.1:${port}/0`,
    flushall: () => server.request('FLUSHALL\r\n', (bytes) => bytes.toString().startsWith('+OK')),
  });
}

/** NATS with JetStream on disk. */
export async function startNats(): Promise<NatsServer> {
  const server = await PrivateServer.start('nats', {
    binary: requireBinary(binaries.nats, 'nats-server'),
    args: (folder, port) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(folder, 'data')],
    prepare: async (folder) => void (await mkdir(join(folder, 'data'))),
    ready: { say: '', answered: (bytes) => bytes.toString().startsWith('INFO ') },
  });
  const data = join(server.folder, 'data');
  const copy = join(server.folder, 'copy');
  const whileStopped = async (work: () => Promise<void>) => {
    await server.stop();
    await work();
    await server.run();
  };
  const empty = () => rm(data, { recursive: true, force: true });
  return server.toServer({
    url: (port) => `nats://127.0.0.1:${port}`,
    wipe: () => whileStopped(empty),
    backup: async () => {
      await whileStopped(() => cp(data, copy, { recursive: true }));
      return () => whileStopped(() => empty().then(() => cp(copy, data, { recursive: true })));
    },
  });
}
