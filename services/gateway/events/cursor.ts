import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';

/** A place in the event log. */
export interface Cursor {
  /** Which log; positions of another one mean nothing. */
  readonly incarnation: string;
  /** The last event that was passed. */
  readonly position: bigint;
}

/** The cursor as clients keep it. */
export function writeCursor({ incarnation, position }: Cursor): string {
  return Buffer.from(JSON.stringify({ i: incarnation, p: String(position) })).toString('base64url');
}

/** Reads a client's cursor. Throws INVALID_ARGUMENT on what no stream ever gave out. */
export function readCursor(text: string): Cursor {
  const { i, p } = parsed(text);
  if (typeof i !== 'string' || typeof p !== 'string' || !/^\d{1,19}$/.test(p))
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'the cursor is not one that a stream gave out', { field: 'cursor' });
  return { incarnation: i, position: BigInt(p) };
}

function parsed(text: string): { i?: unknown; p?: unknown } {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) ?? {};
  } catch {
    return {};
  }
}
