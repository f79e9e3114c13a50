import { createHash } from 'node:crypto';
import { Kysely, MysqlDialect } from 'kysely';
import { type Connection, createConnection, createPool, type PoolOptions } from 'mysql2';
import type { Backend, NamedLock } from './database.ts';

const DUPLICATE = 1062;
/** 1020: the row changed under the snapshot (MariaDB), 1205: lock wait, 1213: deadlock. */
const RETRYABLE = [1020, 1205, 1213];
/** Too many connections, server shutdown and its kin, as error numbers. */
const SERVER_GONE = [1040, 1053, 1077, 1079, 1152, 1184, 1927, 2006, 2013];
const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'POOL_ENQUEUELIMIT',
]);
const SESSION_SETTINGS =
  "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, SESSION time_zone = '+00:00', " +
  "SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE', " +
  'SESSION innodb_lock_wait_timeout = 5';

/** MySQL 8 or MariaDB 10.11+, `mysql://user:password@host:3306/database`. */
export function mysqlBackend(url: string, poolSize = 20): Backend {
  const options: PoolOptions = {
    uri: url,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    connectTimeout: 5_000,
  };
  const pool = createPool({ ...options, connectionLimit: poolSize, queueLimit: 2_000, idleTimeout: 60_000 });
  pool.on('connection', (connection) => {
    connection.query(SESSION_SETTINGS, (error) => {
      if (error) connection.destroy();
    });
  });
  const kysely = new Kysely<unknown>({ dialect: new MysqlDialect({ pool }) });
  const database = new URL(url).pathname.slice(1);
  return {
    dialect: 'mysql',
    kysely,
    tryLock: (name) => takeLock(options, `${database}:${name}`),
    isDuplicateKey: (error) => errno(error) === DUPLICATE,
    isRetryable: (error) => RETRYABLE.includes(errno(error)),
    isUnavailable: (error) => SERVER_GONE.includes(errno(error)) || CONNECTION_LOST.has(code(error)),
    close: () => kysely.destroy(),
  };
}

function errno(error: unknown): number {
  return (error as { errno?: number } | undefined)?.errno ?? 0;
}

function code(error: unknown): string {
  const { code: own, message } = (error as { code?: string; message?: string } | undefined) ?? {};
  if (own) return own;
  // mysql2 gives these two without a code
  if (message?.includes('Queue limit reached')) return 'POOL_ENQUEUELIMIT';
  if (message?.includes('closed state') || message?.includes('Connection lost')) return 'PROTOCOL_CONNECTION_LOST';
  return '';
}

/** GET_LOCK on a connection of its own: the server frees it when the connection or the process ends. */
async function takeLock(options: PoolOptions, name: string): Promise<NamedLock | undefined> {
  const key = createHash('sha256').update(name).digest('hex').slice(0, 60); // names end at 64 characters
  const connection = createConnection(options);
  connection.on('error', () => {}); // a lost connection shows in held()
  const taken = await ask(connection, 'SELECT GET_LOCK(?, 0) AS answer', key).catch((error) => {
    connection.destroy();
    throw error;
  });
  if (taken !== 1) {
    connection.destroy();
    return undefined;
  }
  return {
    held: () =>
      ask(connection, 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS answer', key).then(
        (answer) => answer === 1,
        () => false,
      ),
    [Symbol.asyncDispose]: async () => connection.destroy(),
  };
}

function ask(connection: Connection, sql: string, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, values: [key], timeout: 5_000 }, (error, rows) => {
      if (error) reject(error);
      else resolve(Number((rows as { answer: number | null }[])[0]?.answer ?? 0));
    });
  });
}
