import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';

/** A place in the event log. */
export interface Cursor {
  /** Which log; positions of another one mean nothing. */
  readonly incarnation: string;
  /** The number of its generation, if it was known when the cursor was made. */
  readonly generation?: number;
  /** The last event that was passed. */
  readonly position: bigint;
  /**
   * The order (see lineage.ts) up to which the client has seen the events of earlier generations of the log; undefined when it
   * has seen all of them.
   */
  readonly seen?: bigint;
}

/** The cursor as clients keep it. */
export function writeCursor({ incarnation, generation, position, seen }: Cursor): string {
  const stored = { i: incarnation, p: String(position), g: generation, s: seen === undefined ? seen : String(seen) };
  const text = JSON.stringify(stored);
  return Buffer.from(text).toString('base64url');
}

/** Reads a client's cursor. Throws INVALID_ARGUMENT on what no stream ever gave out. */
export function readCursor(text: string): Cursor {
  const { i, p, g, s } = parsed(text);
  if (typeof i !== 'string' || !isNumber(p) || !isCount(g) || !(s === undefined || isNumber(s)))
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'the cursor is not one that a stream gave out', { field: 'cursor' });
  return { incarnation: i, generation: g, position: BigInt(p), seen: s === undefined ? s : BigInt(s) };
}

function isNumber(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value);
}

function isCount(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) > 0);
}

function parsed(text: string): { i?: unknown; p?: unknown; g?: unknown; s?: unknown } {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) ?? {};
  } catch {
    return {};
  }
}
