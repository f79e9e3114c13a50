import { setTimeout as delay } from 'node:timers/promises';
import type { CompiledQuery, QueryResult } from 'kysely';
import { currentReads } from '../context.ts';
import type { Backend } from './database.ts';
import { StatementExecutor } from './executor.ts';
import { asHot } from './hot-query.ts';
import { lockOf } from './row-access.ts';
import type { SharedReads } from './shared-reads.ts';

/** How often a transaction or statement that lost a deadlock is run. */
export const ATTEMPTS = 8;

/** Waits before the attempt after `attempt`: random, so that the same two do not meet again. */
export function retryPause(attempt: number): Promise<void> {
  return delay(Math.random() * 5 * 2 ** attempt);
}

interface Owner {
  readonly backend: Backend;
  readonly reads: SharedReads;
  translate(error: unknown): unknown;
}

/**
 * Runs statements that are committed each by itself. One that lost a deadlock has changed nothing and is run again; other
 * failures are translated. Not for transactions: those are run again as a whole, by their owner.
 */
export class SingleStatements extends StatementExecutor {
  readonly #owner: Owner;

  constructor(owner: Owner) {
    super(owner.backend.dialect);
    this.#owner = owner;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (lockOf(query.query)) throw new Error('a row lock outside a transaction');
    if (!asHot(query)?.isPlainRead) return this.#alone<R>(query);
    // what failed may be the fault of another read in the request
    const result = await this.#owner.reads.read<R>(query).catch(() => this.#alone<R>(query));
    currentReads()?.read();
    return result;
  }

  async #alone<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#run<R>(query);
      } catch (error) {
        if (attempt === ATTEMPTS || !this.#owner.backend.isRetryable(error)) throw this.#owner.translate(error);
        await retryPause(attempt);
      }
    }
  }

  /** Nothing to wait for: there is no commit to travel with. */
  async executeLater(query: CompiledQuery): Promise<void> {
    await this.executeQuery(query);
  }

  async #run<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const connection = await this.#owner.backend.connect();
    const reads = currentReads();
    const mark = reads?.mark ?? 0;
    try {
      const result = await connection.execute<R>(query);
      if (connection.wrote) reads?.confirm(mark, this.#owner.backend.servedSince);
      else reads?.read();
      if (result.numAffectedRows) this.#owner.backend.counts.committed('single');
      return result;
    } catch (error) {
      reads?.read(); // a unique index, too, tells of what is stored
      throw error;
    } finally {
      connection.release();
    }
  }
}
