import type { LoggedEvent } from './event-log.ts';
import type { RingLimits } from './ring.ts';
import { type OpenTail, SharedTail } from './shared-tail.ts';

const LIMITS: RingLimits = { events: 4_096, bytes: 8 * 1024 * 1024 };
const BATCH = 256;
/** So far behind a reader the tail of the others may be for him to wait for it; it catches up when he asks. */
const NEAR = 256n;

/** A reader of the log, where it is now. */
interface Reader {
  readonly incarnation: string;
  at: bigint;
  /** Whether the log is known to have been at this position; not before the first records. */
  known: boolean;
  tail: SharedTail | undefined;
}

/**
 * The tails of a process on one log. Readers that are at about the same place share one: records cross the wire, are parsed
 * and decoded once for all of them. Each has its own place and pace. Who is further behind than the shared memory reaches
 * reads for himself until he comes to it.
 */
export class SharedTails {
  readonly #open: OpenTail;
  readonly #limits: RingLimits;
  #leading: SharedTail | undefined;

  /** `open` is a tail for one reader. */
  constructor(open: OpenTail, limits = LIMITS) {
    this.#open = open;
    this.#limits = limits;
  }

  /** As EventLog.tail. */
  async *tail(after: bigint, signal: AbortSignal, incarnation: string): AsyncGenerator<LoggedEvent[]> {
    const reader: Reader = { incarnation, at: after, known: false, tail: undefined };
    try {
      while (!signal.aborted) {
        const tail = this.#tailFor(reader);
        if (tail !== reader.tail) {
          await this.#move(reader, tail);
          continue; // it may have gone on meanwhile
        }
        const batch = tail.after(reader.at, BATCH);
        const last = batch.at(-1);
        if (last) {
          reader.at = last.position;
          reader.known = true;
          yield batch;
        } else await tail.more(signal);
      }
    } finally {
      await this.#move(reader, undefined);
    }
  }

  /** The leading tail if it serves the reader, else his own. */
  #tailFor(reader: Reader): SharedTail {
    const leading = this.#leading;
    if (leading && !leading.ended && serves(leading, reader)) return leading;
    const own = reader.tail && serves(reader.tail, reader) ? reader.tail : this.#tailAt(reader);
    if (!leading || leading.ended || isAheadOf(own, leading)) this.#leading = own;
    return own;
  }

  #tailAt({ at, incarnation }: Reader): SharedTail {
    return new SharedTail(this.#open, this.#limits, at, incarnation);
  }

  async #move(reader: Reader, to: SharedTail | undefined): Promise<void> {
    const from = reader.tail;
    reader.tail = to;
    to?.enter();
    const left = from?.leave();
    if (this.#leading?.ended) this.#leading = undefined;
    await left;
  }
}

function serves(tail: SharedTail, { incarnation, at, known }: Reader): boolean {
  if (tail.incarnation !== incarnation) return false;
  return tail.covers(at) || (known && at > tail.head && at - tail.head <= NEAR);
}

/** A tail of another incarnation was opened later: positions of two logs say nothing of each other. */
function isAheadOf(own: SharedTail, leading: SharedTail): boolean {
  return own.incarnation !== leading.incarnation || own.head - leading.head > NEAR;
}
