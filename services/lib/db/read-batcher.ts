import type { CompiledQuery, QueryResult } from 'kysely';
import { detached } from '../runtime/request-context.ts';
import type { SqlBackend } from './sql-backend.ts';

/** The most reads in one request. */
const MAX_BATCH_SIZE = 32;
/** Requests under way at a time: reads that arrive meanwhile go together in the next. */
const MAX_CONCURRENT = 2;

interface PendingRead {
  readonly query: CompiledQuery;
  resolve(result: QueryResult<never>): void;
  reject(error: unknown): void;
}

/**
 * Reads of many callers on few connections: those that arrive while others are under way go together in the next request.
 * Each sees what is committed when it runs, as if it ran alone.
 */
export class ReadBatcher {
  readonly #backend: SqlBackend;
  #queue: PendingRead[] = [];
  #isScheduled = false;
  #running = 0;

  constructor(backend: SqlBackend) {
    this.#backend = backend;
  }

  /** Resolves with the rows. An error of a request fails all reads in it. */
  read<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ query, resolve: resolve as PendingRead['resolve'], reject });
      this.#schedule();
    });
  }

  /** Deferred, so that reads of the same turn of the event loop join. */
  #schedule(): void {
    if (this.#isScheduled || this.#running >= MAX_CONCURRENT || this.#queue.length === 0) return;
    this.#isScheduled = true;
    detached(() => setImmediate(() => this.#startBatch()));
  }

  #startBatch(): void {
    this.#isScheduled = false;
    this.#running += 1;
    void this.#runBatch().finally(() => {
      this.#running -= 1;
      this.#schedule();
    });
  }

  /** Never throws. */
  async #runBatch(): Promise<void> {
    const takeBatch = (): PendingRead[] => this.#queue.splice(0, MAX_BATCH_SIZE);
    let batch: PendingRead[] = [];
    try {
      const connection = await this.#backend.acquireConnection();
      try {
        batch = takeBatch();
        await Promise.all(batch.map((read) => connection.execute<never>(read.query).then(read.resolve, read.reject)));
      } finally {
        connection.release();
      }
    } catch (error) {
      for (const { reject } of batch.length > 0 ? batch : takeBatch()) reject(error);
    }
  }
}
