import { createHash } from 'node:crypto';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import type { NamedLock } from '../sql-backend.ts';

const QUERY_TIMEOUT_MS = 5_000;
/** A machine that fails does not close its connection: the server ends it, and frees its locks, after this time. */
const IDLE_TIMEOUT_S = 30;
const KEEPALIVE_INTERVAL_MS = 10_000;

/**
 * Named locks by GET_LOCK, all on one connection beside the pool's: the server frees them when the connection, the process
 * or the server ends. Processes without a lock use it for their periodic attempts too.
 */
export class MysqlLocks {
  readonly #options: ConnectionOptions;
  readonly #held = new Set<string>();
  #connection: Connection | undefined;
  /** Aborts when the connection ends: the driver may leave queries unanswered when their connection is destroyed. */
  #closed = new AbortController();
  #keepalive: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The lock, or undefined when another holder has it. Throws when the server does not answer. */
  async tryLock(name: string): Promise<NamedLock | undefined> {
    const key = createHash('sha256').update(name).digest('hex').slice(0, 60); // names have at most 64 characters
    if (this.#held.has(key)) return undefined; // on one connection the server would grant it again
    this.#held.add(key);
    const connection = this.#openConnection();
    try {
      if ((await this.#queryNumber(connection, 'SELECT GET_LOCK(?, 0) AS answer', key)) === 1)
        return this.#lock(connection, key);
    } catch (error) {
      this.#destroy(connection);
      this.#held.delete(key);
      throw error;
    }
    this.#held.delete(key);
    return undefined;
  }

  close(): void {
    if (this.#connection) this.#destroy(this.#connection);
  }

  #lock(connection: Connection, key: string): NamedLock {
    return {
      isHeld: async () => {
        if (connection !== this.#connection) return false;
        const sql = 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS answer';
        return this.#queryNumber(connection, sql, key).then(
          (answer) => answer === 1,
          () => {
            this.#destroy(connection);
            return false;
          },
        );
      },
      [Symbol.asyncDispose]: async () => {
        // if this fails, the end of the connection frees it
        if (connection === this.#connection)
          await this.#queryNumber(connection, 'SELECT RELEASE_LOCK(?) AS answer', key).catch(() =>
            this.#destroy(connection),
          );
        this.#held.delete(key);
      },
    };
  }

  #openConnection(): Connection {
    if (this.#connection) return this.#connection;
    const connection = createConnection(this.#options);
    const onLost = () => this.#destroy(connection);
    connection.on('error', onLost);
    connection.on('end', onLost);
    connection.query(`SET SESSION wait_timeout = ${IDLE_TIMEOUT_S}`, (error) => error && onLost());
    this.#keepalive = setInterval(() => connection.ping((error) => error && onLost()), KEEPALIVE_INTERVAL_MS).unref();
    this.#connection = connection;
    this.#closed = new AbortController();
    return connection;
  }

  /** Ends the connection and with it every lock that was taken on it. */
  #destroy(connection: Connection): void {
    connection.destroy();
    if (this.#connection !== connection) return;
    clearInterval(this.#keepalive);
    this.#connection = undefined;
    this.#closed.abort();
  }

  #queryNumber(connection: Connection, sql: string, key: string): Promise<number> {
    const { signal } = this.#closed;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const onLost = () => reject(new Error('Connection lost: it was given up'));
    signal.addEventListener('abort', onLost, { once: true });
    connection.query({ sql, values: [key], timeout: QUERY_TIMEOUT_MS }, (error, rows) => {
      if (error) reject(error);
      else resolve(Number((rows as { answer: number | null }[])[0]?.answer ?? 0));
    });
    return promise.finally(() => signal.removeEventListener('abort', onLost));
  }
}
