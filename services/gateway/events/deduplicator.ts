import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';

const MAX_SEQUENCES = 10_000;

/** Identifies the sequence that numbers an event: one per source and session. */
export function sequenceKey({ source, sessionId }: Pick<Event, 'source' | 'sessionId'>): string {
  return `${source}:${sessionId}`;
}

/** Remembers the last number of the most recently used sequences, because the relay may publish an event twice. */
export class Deduplicator {
  readonly #lastSeqs = new Map<string, number>();

  /** Whether the event was seen before; marks it as seen. */
  isDuplicate(sequence: string, sourceSeq: number): boolean {
    const last = this.#lastSeqs.get(sequence) ?? 0;
    this.#record(sequence, Math.max(last, sourceSeq));
    return sourceSeq <= last;
  }

  /** Marks all events of the sequence up to this number as seen. */
  markSeen(sequence: string, upTo: number): void {
    this.#record(sequence, Math.max(this.#lastSeqs.get(sequence) ?? 0, upTo));
  }

  #record(sequence: string, seq: number): void {
    this.#lastSeqs.delete(sequence);
    this.#lastSeqs.set(sequence, seq);
    if (this.#lastSeqs.size <= MAX_SEQUENCES) return;
    for (const oldest of this.#lastSeqs.keys()) {
      this.#lastSeqs.delete(oldest);
      return;
    }
  }
}
