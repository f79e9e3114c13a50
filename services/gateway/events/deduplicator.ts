import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';

const MAX_SEQUENCES = 10_000;

/** Names the events that are numbered together: those of a source about a session. */
export function sequenceKey({ source, sessionId }: Pick<Event, 'source' | 'sessionId'>): string {
  return `${source}:${sessionId}`;
}

/** Knows the last number seen per line, of the lines seen last; the relay may publish an event twice. */
export class Deduplicator {
  readonly #lastSeqs = new Map<string, number>();

  /** Whether the event was seen; if not, it is now. */
  isDuplicate(sequence: string, sourceSeq: number): boolean {
    const last = this.#lastSeqs.get(sequence) ?? 0;
    this.#record(sequence, Math.max(last, sourceSeq));
    return sourceSeq <= last;
  }

  /** Counts everything of the line up to this number as seen. */
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
