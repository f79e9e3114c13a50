import type { LoggedEvent } from '../event-log.ts';
import type { RingBufferLimits } from './ring-buffer.ts';
import { type OpenLogTail, SharedLogReader } from './shared-log-reader.ts';

const BUFFER_LIMITS: RingBufferLimits = { maxEvents: 4_096, maxBytes: 8 * 1024 * 1024 };
const BATCH_SIZE = 256;
/** So far behind a reader the tail of the others may be for him to wait for it; it catches up when he asks. */
const MAX_SHARED_LAG = 256n;

/** A reader of the log, where it is now. */
interface Subscriber {
  readonly generationId: string;
  position: bigint;
  /** Whether the log is known to have been at this position; not before the first records. */
  isVerified: boolean;
  sharedReader: SharedLogReader | undefined;
}

/**
 * The tails of a process on one log. Readers that are at about the same place share one: records cross the wire, are parsed
 * and decoded once for all of them. Each has its own place and pace. Who is further behind than the shared memory reaches
 * reads for himself until he comes to it.
 */
export class SharedLogReaders {
  readonly #open: OpenLogTail;
  readonly #limits: RingBufferLimits;
  #leading: SharedLogReader | undefined;

  /** `open` is a tail for one reader. */
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
          continue; // it may have gone on meanwhile
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

  /** The leading tail if it serves the reader, else his own. */
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

/** A tail of another incarnation was opened later: positions of two logs say nothing of each other. */
function isAheadOf(own: SharedLogReader, leading: SharedLogReader): boolean {
  return own.generationId !== leading.generationId || own.head - leading.head > MAX_SHARED_LAG;
}
