import type { LogBounds, LoggedEvent } from '../../lib/bus/event-log.ts';
import { type Generation, orderOf } from '../../lib/bus/lineage.ts';
import type { Cursor } from './cursor.ts';

/**
 * Where a stream continues from a cursor: a cursor of the current log; `undecided` until the relay has examined a log that is
 * new, or shorter than the cursor; `lost` when events after the cursor are no longer available. docs/architecture.md has the
 * reasons.
 */
export type Resumption = Cursor | 'undecided' | 'lost';

/** Decides where a stream with this cursor continues. */
export function resume(bounds: LogBounds, cursor: Cursor): Resumption {
  const { incarnation, before, last, lineage } = bounds;
  if (cursor.incarnation === incarnation) {
    if (cursor.position > last) return 'undecided';
    return cursor.position < before ? 'lost' : behindReplay({ ...cursor, generation: lineage?.number }, lineage);
  }
  // a log of an earlier generation is a restored copy
  if (!lineage || lineage.number < (cursor.generation ?? 0)) return 'undecided';
  const generation = lineage.earlier.find(({ name }) => name === cursor.incarnation);
  // a client beyond what the relay knows has received events that a restored database no longer has
  if (!generation || cursor.position > (generation.reached ?? 0n)) return 'lost';
  const seen = behindReplay(cursor, generation).seen ?? orderOf(generation.number, cursor.position);
  // a log without its beginning may have lost events that the client has not seen
  if (seen < lineage.forgotten || before > 0n) return 'lost';
  return { incarnation, generation: lineage.number, position: before, seen };
}

/** After the replayed part of a generation a client has seen everything of earlier ones. */
function behindReplay(cursor: Cursor, generation: Generation | undefined): Cursor {
  const { replayed } = generation ?? {};
  return replayed !== undefined && cursor.position >= replayed ? { ...cursor, seen: undefined } : cursor;
}

/** Whether the client of a cursor has seen the record with this order in the cursor's log. */
export function isKnown({ seen }: Cursor, order: bigint | undefined): boolean {
  return order !== undefined && (seen === undefined || order <= seen);
}

/** The cursor after an event. New events of a generation follow everything that is replayed from earlier ones. */
export function behind(cursor: Cursor, { position, order }: Pick<LoggedEvent, 'position' | 'order'>): Cursor {
  return { ...cursor, position, seen: order === undefined ? undefined : cursor.seen };
}

export function endOf({ incarnation, lineage, last }: LogBounds): Cursor {
  return { incarnation, generation: lineage?.number, position: last };
}
