import type { LogBounds, LoggedEvent } from '../../lib/messaging/bus/event-log.ts';
import { type Generation, orderOf } from '../../lib/messaging/bus/lineage.ts';
import type { Cursor } from './cursor.ts';

/**
 * Where a stream continues from a cursor: a cursor of the current log; `undecided` until the relay has examined a log that is
 * new, or shorter than the cursor; `lost` when events after the cursor are no longer available. docs/architecture.md has the
 * reasons.
 */
export type ResolvedCursor = Cursor | 'undecided' | 'lost';

/** Decides where a stream with this cursor continues. */
export function resolveCursor(bounds: LogBounds, cursor: Cursor): ResolvedCursor {
  const { generationId, before, last, lineage } = bounds;
  if (cursor.generationId === generationId) {
    if (cursor.position > last) return 'undecided';
    return cursor.position < before
      ? 'lost'
      : withoutReplayed({ ...cursor, generationNumber: lineage?.number }, lineage);
  }
  // a log of an earlier generation is a restored copy
  if (!lineage || lineage.number < (cursor.generationNumber ?? 0)) return 'undecided';
  const generation = lineage.earlier.find(({ name }) => name === cursor.generationId);
  // a client beyond what the relay knows has received events that a restored database no longer has
  if (!generation || cursor.position > (generation.reached ?? 0n)) return 'lost';
  const seen = withoutReplayed(cursor, generation).seen ?? orderOf(generation.number, cursor.position);
  // a log without its beginning may have lost events that the client has not seen
  if (seen < lineage.forgotten || before > 0n) return 'lost';
  return { generationId, generationNumber: lineage.number, position: before, seen };
}

/** After the replayed part of a generation a client has seen everything of earlier ones. */
function withoutReplayed(cursor: Cursor, generation: Generation | undefined): Cursor {
  const { replayed } = generation ?? {};
  return replayed !== undefined && cursor.position >= replayed ? { ...cursor, seen: undefined } : cursor;
}

/** Whether the client of a cursor has seen the record with this order in the cursor's log. */
export function wasSeen({ seen }: Cursor, order: bigint | undefined): boolean {
  return order !== undefined && (seen === undefined || order <= seen);
}

/** The cursor after an event. New events of a generation follow everything that is replayed from earlier ones. */
export function advanceCursor(cursor: Cursor, { position, order }: Pick<LoggedEvent, 'position' | 'order'>): Cursor {
  return { ...cursor, position, seen: order === undefined ? undefined : cursor.seen };
}

export function cursorAtEnd({ generationId, lineage, last }: LogBounds): Cursor {
  return { generationId, generationNumber: lineage?.number, position: last };
}
