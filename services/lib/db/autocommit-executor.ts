import { setTimeout as delay } from 'node:timers/promises';
import type { CompiledQuery, QueryResult } from 'kysely';
import { exponentialBackoff } from '../runtime/backoff.ts';
import { currentUnconfirmedReads } from '../runtime/request-context.ts';
import { asAnalyzed } from './precompiled-query/analyzed-query.ts';
import type { ReadBatcher } from './read-batcher.ts';
import { lockModeOf } from './row-access/row-access.ts';
import type { SqlBackend } from './sql-backend.ts';
import { StatementExecutor } from './statement-executor.ts';

/** How often a transaction or statement that lost a deadlock is run. */
export const MAX_ATTEMPTS = 8;
const MIN_BACKOFF_MS = 10;
const MAX_BACKOFF_MS = 640;

/** Waits before the attempt after `attempt`: random, so that the same two do not collide again. */
export function delayRetry(attempt: number): Promise<void> {
  return delay(Math.random() * exponentialBackoff(attempt, MIN_BACKOFF_MS, MAX_BACKOFF_MS));
}

interface AutocommitHost {
  readonly backend: SqlBackend;
  readonly readBatcher: ReadBatcher;
  translate(error: unknown): unknown;
}

/**
 * Runs statements that are committed each by itself. One that lost a deadlock has changed nothing and is run again; other
 * failures are translated. Not for transactions: those are run again as a whole, by their owner.
 */
export class AutocommitExecutor extends StatementExecutor {
  readonly #host: AutocommitHost;

  constructor(host: AutocommitHost) {
    super(host.backend.dialect);
    this.#host = host;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (lockModeOf(query.query)) throw new Error('a row lock outside a transaction');
    if (!asAnalyzed(query)?.isPlainRead) return this.#runWithRetries<R>(query);
    // another read in the request may have caused the error
    const result = await this.#host.readBatcher.read<R>(query).catch(() => this.#runWithRetries<R>(query));
    currentUnconfirmedReads()?.recordRead();
    return result;
  }

  async #runWithRetries<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#runOnce<R>(query);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !this.#host.backend.isRetryable(error)) throw this.#host.translate(error);
        await delayRetry(attempt);
      }
    }
  }

  /** Runs at once: there is no later statement or commit to send it with. */
  async enqueueQuery(query: CompiledQuery): Promise<void> {
    await this.executeQuery(query);
  }

  async #runOnce<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const connection = await this.#host.backend.acquireConnection();
    const reads = currentUnconfirmedReads();
    const mark = reads?.mark ?? 0;
    try {
      const result = await connection.execute<R>(query);
      if (connection.wrote) reads?.confirm(mark, this.#host.backend.servedSince);
      else reads?.recordRead();
      if (result.numAffectedRows) this.#host.backend.stats.countCommit('single');
      return result;
    } catch (error) {
      reads?.recordRead(); // a violated unique index, too, shows stored data
      throw error;
    } finally {
      connection.release();
    }
  }
}
