import type { LoggedEvent } from '../event-log.ts';
import type { RingBufferLimits } from './ring-buffer.ts';
import { type OpenLogTail, SharedLogReader } from './shared-log-reader.ts';

const BUFFER_LIMITS: RingBufferLimits = { maxEvents: 4_096, maxBytes: 8 * 1024 * 1024 };
const BATCH_SIZE = 256;
/** The maximum lag of the shared reader behind a subscriber before that one reads by itself; it catches up on demand. */
const MAX_SHARED_LAG = 256n;

/** A subscriber of the log and its position. */
interface Subscriber {
  readonly generationId: string;
  position: bigint;
  /** Whether the log is known to have been at this position; not before the first records. */
  isVerified: boolean;
  sharedReader: SharedLogReader | undefined;
}

/**
 * The readers of a process on one log. Subscribers at about the same position share one, so that records are transferred and
 * decoded once for all of them. Each has its own position and pace. One that is further behind than the ring buffer reaches
 * reads by itself until it has caught up.
 */
export class SharedLogReaders {
  readonly #open: OpenLogTail;
  readonly #limits: RingBufferLimits;
  #leading: SharedLogReader | undefined;

  /** `open` opens a reader for one subscriber. */
  constructor(open: OpenLogTail, limits = BUFFER_LIMITS) {
    this.#open = open;
    this.#limits = limits;
  }

  /** As EventLog.tail. */
  async *tail(after: bigint, signal: AbortSignal, generationId: string): AsyncGenerator<LoggedEvent[]> {
    const subscriber: Subscriber = { generationId, position: after, isVerified: false, sharedReader: undefined };
    try {
      while (!signal.aborted) {
        const sharedReader = this.#readerFor(subscriber);
        if (sharedReader !== subscriber.sharedReader) {
          await this.#moveTo(subscriber, sharedReader);
          continue; // it may have advanced meanwhile
        }
        const batch = sharedReader.after(subscriber.position, BATCH_SIZE);
        const last = batch.at(-1);
        if (last) {
          subscriber.position = last.position;
          subscriber.isVerified = true;
          yield batch;
        } else await sharedReader.waitForMore(signal);
      }
    } finally {
      await this.#moveTo(subscriber, undefined);
    }
  }

  /** The shared reader if it covers the subscriber's position, else one of its own. */
  #readerFor(subscriber: Subscriber): SharedLogReader {
    const leading = this.#leading;
    if (leading && !leading.hasEnded && canServe(leading, subscriber)) return leading;
    const own =
      subscriber.sharedReader && canServe(subscriber.sharedReader, subscriber)
        ? subscriber.sharedReader
        : this.#openReaderAt(subscriber);
    if (!leading || leading.hasEnded || isAheadOf(own, leading)) this.#leading = own;
    return own;
  }

  #openReaderAt({ position, generationId }: Subscriber): SharedLogReader {
    return new SharedLogReader(this.#open, this.#limits, position, generationId);
  }

  async #moveTo(subscriber: Subscriber, to: SharedLogReader | undefined): Promise<void> {
    const from = subscriber.sharedReader;
    subscriber.sharedReader = to;
    to?.addSubscriber();
    const removed = from?.removeSubscriber();
    if (this.#leading?.hasEnded) this.#leading = undefined;
    await removed;
  }
}

function canServe(sharedReader: SharedLogReader, { generationId, position, isVerified }: Subscriber): boolean {
  if (sharedReader.generationId !== generationId) return false;
  return (
    sharedReader.covers(position) ||
    (isVerified && position > sharedReader.head && position - sharedReader.head <= MAX_SHARED_LAG)
  );
}

/** A reader of another generation was opened later: positions of two generations cannot be compared. */
function isAheadOf(own: SharedLogReader, leading: SharedLogReader): boolean {
  return own.generationId !== leading.generationId || own.head - leading.head > MAX_SHARED_LAG;
}
