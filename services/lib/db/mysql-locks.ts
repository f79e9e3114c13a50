import { createHash } from 'node:crypto';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import type { NamedLock } from './database.ts';

const ANSWER_MS = 5_000;
/** A machine that vanishes says no goodbye: the server ends its connection, and with it its locks, after so long. */
const SILENCE_S = 30;
const SIGN_OF_LIFE_MS = 10_000;

/**
 * Named locks by GET_LOCK, all on one connection beside the pool's: the server frees them when the connection, the process
 * or the server ends. Those who only ask now and then whether a lock is free ask on it too.
 */
export class MysqlLocks {
  readonly #options: ConnectionOptions;
  readonly #held = new Set<string>();
  #connection: Connection | undefined;
  /** Aborts when the connection ends: the driver may leave queries unanswered when their connection is destroyed. */
  #gone = new AbortController();
  #signOfLife: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The lock, or undefined when somebody else holds it. Throws when the server does not answer. */
  async take(name: string): Promise<NamedLock | undefined> {
    const key = createHash('sha256').update(name).digest('hex').slice(0, 60); // names end at 64 characters
    if (this.#held.has(key)) return undefined; // on one connection the server would give it again
    this.#held.add(key);
    const connection = this.#current();
    try {
      if ((await this.#ask(connection, 'SELECT GET_LOCK(?, 0) AS answer', key)) === 1)
        return this.#lock(connection, key);
    } catch (error) {
      this.#drop(connection);
      this.#held.delete(key);
      throw error;
    }
    this.#held.delete(key);
    return undefined;
  }

  close(): void {
    if (this.#connection) this.#drop(this.#connection);
  }

  #lock(connection: Connection, key: string): NamedLock {
    return {
      held: async () => {
        if (connection !== this.#connection) return false;
        const sql = 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS answer';
        return this.#ask(connection, sql, key).then(
          (answer) => answer === 1,
          () => {
            this.#drop(connection);
            return false;
          },
        );
      },
      [Symbol.asyncDispose]: async () => {
        // if it cannot be said, the end of the connection frees it
        if (connection === this.#connection)
          await this.#ask(connection, 'SELECT RELEASE_LOCK(?) AS answer', key).catch(() => this.#drop(connection));
        this.#held.delete(key);
      },
    };
  }

  #current(): Connection {
    if (this.#connection) return this.#connection;
    const connection = createConnection(this.#options);
    const lost = () => this.#drop(connection);
    connection.on('error', lost);
    connection.on('end', lost);
    connection.query(`SET SESSION wait_timeout = ${SILENCE_S}`, (error) => error && lost());
    this.#signOfLife = setInterval(() => connection.ping((error) => error && lost()), SIGN_OF_LIFE_MS).unref();
    this.#connection = connection;
    this.#gone = new AbortController();
    return connection;
  }

  /** Ends the connection and with it every lock that was taken on it. */
  #drop(connection: Connection): void {
    connection.destroy();
    if (this.#connection !== connection) return;
    clearInterval(this.#signOfLife);
    this.#connection = undefined;
    this.#gone.abort();
  }

  #ask(connection: Connection, sql: string, key: string): Promise<number> {
    const { signal } = this.#gone;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const lost = () => reject(new Error('Connection lost: it was given up'));
    signal.addEventListener('abort', lost, { once: true });
    connection.query({ sql, values: [key], timeout: ANSWER_MS }, (error, rows) => {
      if (error) reject(error);
      else resolve(Number((rows as { answer: number | null }[])[0]?.answer ?? 0));
    });
    return promise.finally(() => signal.removeEventListener('abort', lost));
  }
}
