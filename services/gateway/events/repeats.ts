import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';

const MOST = 10_000;

/** Names the events that are numbered together: those of a source about a session. */
export function lineOf({ source, sessionId }: Pick<Event, 'source' | 'sessionId'>): string {
  return `${source}:${sessionId}`;
}

/** Knows the last number seen per line, of the lines seen last; the relay may publish an event twice. */
export class Repeats {
  readonly #last = new Map<string, number>();

  /** Whether the event was seen; if not, it is now. */
  seen(line: string, sourceSeq: number): boolean {
    const last = this.#last.get(line) ?? 0;
    this.#remember(line, Math.max(last, sourceSeq));
    return sourceSeq <= last;
  }

  /** Counts everything of the line up to this number as seen. */
  skip(line: string, upTo: number): void {
    this.#remember(line, Math.max(this.#last.get(line) ?? 0, upTo));
  }

  #remember(line: string, seq: number): void {
    this.#last.delete(line);
    this.#last.set(line, seq);
    if (this.#last.size <= MOST) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }
}
