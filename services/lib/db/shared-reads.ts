import type { CompiledQuery, QueryResult } from 'kysely';
import { inNoContext } from '../context.ts';
import type { Backend } from './database.ts';

/** At most so many reads go in one request. */
const MOST = 32;
/** Requests under way at a time: what comes meanwhile goes together in the next. */
const AT_A_TIME = 2;

interface Read {
  readonly query: CompiledQuery;
  resolve(result: QueryResult<never>): void;
  reject(error: unknown): void;
}

/**
 * Reads of many requests on few connections: those that come while others are under way go together in the next request.
 * Each reads what is committed when its turn comes, as by itself.
 */
export class SharedReads {
  readonly #backend: Backend;
  #waiting: Read[] = [];
  #begun = false;
  #running = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Resolves with the rows. Whatever fails in a request fails for all reads in it. */
  read<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ query, resolve: resolve as Read['resolve'], reject });
      this.#beginSoon();
    });
  }

  /** Not at once, so that whoever reads in the same turn of the event loop comes along. */
  #beginSoon(): void {
    if (this.#begun || this.#running >= AT_A_TIME || this.#waiting.length === 0) return;
    this.#begun = true;
    inNoContext(() => setImmediate(() => this.#begin()));
  }

  #begin(): void {
    this.#begun = false;
    this.#running += 1;
    void this.#run().finally(() => {
      this.#running -= 1;
      this.#beginSoon();
    });
  }

  /** Never throws. */
  async #run(): Promise<void> {
    const reads = (): Read[] => this.#waiting.splice(0, MOST);
    let taken: Read[] = [];
    try {
      const connection = await this.#backend.connect();
      try {
        taken = reads();
        await Promise.all(taken.map((read) => connection.execute<never>(read.query).then(read.resolve, read.reject)));
      } finally {
        connection.release();
      }
    } catch (error) {
      for (const { reject } of taken.length > 0 ? taken : reads()) reject(error);
    }
  }
}
