import { NatsError, nanos, StorageType } from 'nats';
import { ulid } from 'ulid';
import type { LogBounds } from '../event-log.ts';
import { LogGenerationError } from '../event-log.ts';
import { decodeLineage } from '../lineage.ts';
import type { NatsClient } from './nats-connector.ts';

const MAX_AGE_MS = 72 * 3_600_000;
const DUPLICATE_WINDOW_MS = 120_000;
const SUBJECTS_OVERLAP_CODE = 10065;
const STREAM_NOT_FOUND_CODE = 10059;

/**
 * The log's stream. Every generation has a name of its own, `AUTOSESSION-<ulid>`, so that a publish names its generation
 * and the server refuses it in any other one.
 */
export class NatsStream {
  /** Of the subjects: `autosession`. */
  readonly prefix: string;
  readonly #name: string;
  readonly #subjects: string;

  constructor(name: string) {
    this.#name = name;
    this.prefix = name.toLowerCase();
    this.#subjects = `${this.prefix}.*.*`;
  }

  /** The name of the existing stream; creates one if there is none. Of two processes that create it at once, one succeeds. */
  async findOrCreate({ jsm }: NatsClient): Promise<string> {
    const existing = await this.#findExisting(jsm);
    if (existing) return existing;
    const name = `${this.#name}-${ulid()}`;
    try {
      await jsm.streams.add({
        name,
        subjects: [this.#subjects],
        storage: StorageType.File,
        max_age: nanos(MAX_AGE_MS),
        duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      });
      return name;
    } catch (error) {
      const winner = apiErrorCode(error) === SUBJECTS_OVERLAP_CODE ? await this.#findExisting(jsm) : undefined;
      if (winner) return winner;
      throw error;
    }
  }

  async #findExisting(jsm: NatsClient['jsm']): Promise<string | undefined> {
    const names = await jsm.streams.names(this.#subjects).next();
    return names.find((name) => name.startsWith(`${this.#name}-`));
  }

  /** Throws LogGenerationError when the stream no longer exists. */
  async bounds({ jsm }: NatsClient, generationId: string): Promise<LogBounds> {
    const { state, config } = await notFoundAsLogGenerationError(() => jsm.streams.info(generationId));
    const last = BigInt(state.last_seq);
    const before = state.messages === 0 ? last : BigInt(state.first_seq) - 1n;
    return { generationId, last, before, lineage: decodeLineage(generationId, config.description) };
  }

  /** Writes a text to the stream's description. Throws LogGenerationError when the stream no longer exists. */
  async describe({ jsm }: NatsClient, generationId: string, description: string): Promise<void> {
    await notFoundAsLogGenerationError(() => jsm.streams.update(generationId, { description }));
  }

  /** Deletes the stream, if it still exists. */
  async remove({ jsm }: NatsClient, generationId: string): Promise<void> {
    await jsm.streams.delete(generationId).catch((error) => {
      if (apiErrorCode(error) !== STREAM_NOT_FOUND_CODE) throw error;
    });
  }
}

/** Runs a request about a stream; throws LogGenerationError when the stream does not exist. */
export async function notFoundAsLogGenerationError<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (apiErrorCode(error) === STREAM_NOT_FOUND_CODE)
      throw new LogGenerationError('the event log was recreated', { cause: error });
    throw error;
  }
}

/** The JetStream error code, or 0. */
export function apiErrorCode(error: unknown): number {
  return error instanceof NatsError ? (error.api_error?.err_code ?? 0) : 0;
}
