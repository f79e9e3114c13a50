import { createPool, type Pool, type PoolConnection, type PoolOptions } from 'mysql2';

/** The shortest time between two retirements: a server that stays read-only must not cause a new connection per write. */
const MIN_RETIRE_INTERVAL_MS = 1_000;

/**
 * A pool whose connections can be retired all at once: connections to a server that became read-only still answer reads with
 * stale rows, while the same address already leads to the new primary.
 */
export class MysqlPool {
  readonly #pool: Pool;
  readonly #generations = new WeakMap<PoolConnection, number>();
  #generation = 0;
  #retiredAt = Number.NEGATIVE_INFINITY;

  /** `prepare` runs first on every new connection. */
  constructor(options: PoolOptions, prepare: (connection: PoolConnection) => void) {
    this.#pool = createPool(options);
    this.#pool.on('connection', (connection) => {
      this.#generations.set(connection, this.#generation);
      prepare(connection);
    });
  }

  /** Acquires a connection that is not retired. Rejects with the pool's error. */
  acquire(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, connection) => {
        if (error) return reject(error);
        if (this.#isCurrent(connection)) return resolve(connection);
        connection.destroy();
        this.acquire().then(resolve, reject);
      });
    });
  }

  release(connection: PoolConnection): void {
    if (this.#isCurrent(connection)) connection.release();
    else connection.destroy();
  }

  /** Retires every connection that is as old as the given one or older; returns whether it did. */
  retire(connection: PoolConnection): boolean {
    if (!this.#isCurrent(connection) || performance.now() - this.#retiredAt < MIN_RETIRE_INTERVAL_MS) return false;
    this.#generation += 1;
    this.#retiredAt = performance.now();
    return true;
  }

  end(): Promise<void> {
    return new Promise((resolve, reject) => this.#pool.end((error) => (error ? reject(error) : resolve())));
  }

  #isCurrent(connection: PoolConnection): boolean {
    return this.#generations.get(connection) === this.#generation;
  }
}
