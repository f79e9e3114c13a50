import type { LogBounds, LoggedEvent } from '../../lib/bus/event-log.ts';
import { type Generation, orderOf } from '../../lib/bus/lineage.ts';
import type { Cursor } from './cursor.ts';

/**
 * Where a cursor's stream goes on: in the log as it is now; `undecided` until the relay has looked at a log that is new, or
 * shorter than the cursor; `lost` when what came behind the cursor is not known any more. docs/architecture.md has the reasons.
 */
export type Resumption = Cursor | 'undecided' | 'lost';

/** Where a stream with this cursor goes on. */
export function resume(bounds: LogBounds, cursor: Cursor): Resumption {
  const { incarnation, before, last, lineage } = bounds;
  if (cursor.incarnation === incarnation) {
    if (cursor.position > last) return 'undecided';
    return cursor.position < before ? 'lost' : behindReplay({ ...cursor, generation: lineage?.number }, lineage);
  }
  // a log of an earlier generation is a copy that was restored
  if (!lineage || lineage.number < (cursor.generation ?? 0)) return 'undecided';
  const generation = lineage.earlier.find(({ name }) => name === cursor.incarnation);
  // a client that has seen more than the relay knows of was told of events that a restored database does not know
  if (!generation || cursor.position > (generation.reached ?? 0n)) return 'lost';
  const seen = behindReplay(cursor, generation).seen ?? orderOf(generation.number, cursor.position);
  // a log that has lost its beginning may have lost something that the client has not seen
  if (seen < lineage.forgotten || before > 0n) return 'lost';
  return { incarnation, generation: lineage.number, position: before, seen };
}

/** Behind the replayed part of its generation a client knows everything of earlier ones. */
function behindReplay(cursor: Cursor, generation: Generation | undefined): Cursor {
  const { replayed } = generation ?? {};
  return replayed !== undefined && cursor.position >= replayed ? { ...cursor, seen: undefined } : cursor;
}

/** Whether the client of a cursor knows a record of the cursor's log that has this order. */
export function isKnown({ seen }: Cursor, order: bigint | undefined): boolean {
  return order !== undefined && (seen === undefined || order <= seen);
}

/** The cursor behind an event. What no earlier generation had comes behind everything that they had. */
export function behind(cursor: Cursor, { position, order }: Pick<LoggedEvent, 'position' | 'order'>): Cursor {
  return { ...cursor, position, seen: order === undefined ? undefined : cursor.seen };
}

/** The end of a log. */
export function endOf({ incarnation, lineage, last }: LogBounds): Cursor {
  return { incarnation, generation: lineage?.number, position: last };
}
