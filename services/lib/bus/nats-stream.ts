import { NatsError, nanos, StorageType } from 'nats';
import { ulid } from 'ulid';
import type { LogBounds } from './event-log.ts';
import { LogChanged } from './event-log.ts';
import { readLineage } from './lineage.ts';
import type { NatsLink } from './nats-link.ts';

const KEPT_MS = 72 * 3_600_000;
const DUPLICATE_WINDOW_MS = 120_000;
const OVERLAPS = 10065;
const NOT_FOUND = 10059;

/**
 * The log's stream. Every incarnation has a name of its own, `AUTOSESSION-<ulid>`, so that a publish can name the
 * incarnation that it is meant for and the server refuses it in any other one.
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

  /** The name of the stream that there is; makes it when there is none. Of two that make it at once one succeeds. */
  async find({ jsm }: NatsLink): Promise<string> {
    const known = await this.#named(jsm);
    if (known) return known;
    const name = `${this.#name}-${ulid()}`;
    try {
      await jsm.streams.add({
        name,
        subjects: [this.#subjects],
        storage: StorageType.File,
        max_age: nanos(KEPT_MS),
        duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      });
      return name;
    } catch (error) {
      const winner = errorCodeOf(error) === OVERLAPS ? await this.#named(jsm) : undefined;
      if (winner) return winner;
      throw error;
    }
  }

  async #named(jsm: NatsLink['jsm']): Promise<string | undefined> {
    const names = await jsm.streams.names(this.#subjects).next();
    return names.find((name) => name.startsWith(`${this.#name}-`));
  }

  /** Throws LogChanged when the stream is not there any more. */
  async bounds({ jsm }: NatsLink, incarnation: string): Promise<LogBounds> {
    const { state, config } = await gone(() => jsm.streams.info(incarnation));
    const last = BigInt(state.last_seq);
    const before = state.messages === 0 ? last : BigInt(state.first_seq) - 1n;
    return { incarnation, last, before, lineage: readLineage(incarnation, config.description) };
  }

  /** Writes a text to the stream's description. Throws LogChanged when the stream no longer exists. */
  async describe({ jsm }: NatsLink, incarnation: string, description: string): Promise<void> {
    await gone(() => jsm.streams.update(incarnation, { description }));
  }

  /** Deletes the stream; it may be gone already. */
  async remove({ jsm }: NatsLink, incarnation: string): Promise<void> {
    await jsm.streams.delete(incarnation).catch((error) => {
      if (errorCodeOf(error) !== NOT_FOUND) throw error;
    });
  }
}

/** Runs a request about a stream; that it is not there becomes LogChanged. */
export async function gone<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (errorCodeOf(error) === NOT_FOUND) throw new LogChanged('the event log was made anew', { cause: error });
    throw error;
  }
}

/** The JetStream error code, or 0. */
export function errorCodeOf(error: unknown): number {
  return error instanceof NatsError ? (error.api_error?.err_code ?? 0) : 0;
}
