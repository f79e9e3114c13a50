import type { Event, Source } from '../../../gen/autosession/event/v1/event_pb.js';

const MOST = 10_000;

/** Knows the last number seen per (source, session), of the sessions seen last; the relay may publish an event twice. */
export class Repeats {
  readonly #last = new Map<string, number>();

  /** Whether the event was seen; if not, it is now. */
  seen({ source, sessionId, sourceSeq }: Pick<Event, 'source' | 'sessionId' | 'sourceSeq'>): boolean {
    const key = `${source}:${sessionId}`;
    const last = this.#last.get(key) ?? 0;
    this.#remember(key, Math.max(last, sourceSeq));
    return sourceSeq <= last;
  }

  /** Counts everything of the source up to this number as seen. */
  skip(source: Source, sessionId: string, upTo: number): void {
    const key = `${source}:${sessionId}`;
    this.#remember(key, Math.max(this.#last.get(key) ?? 0, upTo));
  }

  #remember(key: string, seq: number): void {
    this.#last.delete(key);
    this.#last.set(key, seq);
    if (this.#last.size <= MOST) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }
}
