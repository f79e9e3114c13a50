import { randomInt } from 'node:crypto';
import type { CompiledQuery } from 'kysely';
import type { Migrations } from '../migrations/migrations.ts';
import type { SqlBackend } from '../sql-backend.ts';

/** Rows to choose from, so that processes rarely wait for each other's row lock. */
const SLOTS = 16;

/** One row per slot, kept for ever. */
export const barrierMigrations: Migrations = {
  owner: 'durability',
  tables: {
    durability_barrier: { keptForEver: 'one row per slot' },
  },
  steps: [
    {
      name: '001_durability_barrier',
      statements: (c) => [
        `CREATE TABLE IF NOT EXISTS durability_barrier (slot ${c.int} PRIMARY KEY, passed ${c.bigint} NOT NULL) ${c.tableOptions}`,
      ],
    },
  ],
};

/**
 * A small commit whose answer proves that everything that this process could read before it sent the commit is on disk: the
 * redo log is sequential. Callers that arrive while one is under way share the next one, so that a process runs one at a time.
 */
export class DurabilityBarrier {
  readonly #backend: SqlBackend;
  readonly #query: CompiledQuery;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(backend: SqlBackend) {
    this.#backend = backend;
    const sql =
      'insert into durability_barrier (slot, passed) values (?, 1) on duplicate key update passed = passed + 1';
    this.#query = { sql, parameters: [randomInt(SLOTS)] } as unknown as CompiledQuery;
  }

  /** Resolves when everything that was visible to this process at the time of the call is on disk. */
  pass(): Promise<void> {
    this.#next ??= this.#runAfter(this.#running);
    return this.#next;
  }

  async #runAfter(running: Promise<void>): Promise<void> {
    await running.catch(() => {});
    // callers that arrive from here on may have read something after this commit is sent
    this.#running = this.#next ?? Promise.resolve();
    this.#next = undefined;
    const connection = await this.#backend.acquireConnection();
    try {
      await connection.execute(this.#query);
      this.#backend.stats.countCommit('durability-barrier');
    } finally {
      connection.release();
    }
  }
}
