import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

/** A position in the event log. */
export interface Cursor {
  /** The generation of the log; positions of different generations cannot be compared. */
  readonly generationId: string;
  /** The number of the generation, if it was known when the cursor was created. */
  readonly generationNumber?: number;
  /** The position of the last event before the cursor. */
  readonly position: bigint;
  /**
   * The order (see lineage.ts) up to which the client has seen the events of earlier generations of the log; undefined when it
   * has seen all of them.
   */
  readonly seen?: bigint;
}

/** The cursor as clients store it. */
export function encodeCursor({ generationId, generationNumber, position, seen }: Cursor): string {
  const stored = {
    i: generationId,
    p: String(position),
    g: generationNumber,
    s: seen === undefined ? seen : String(seen),
  };
  const text = JSON.stringify(stored);
  return Buffer.from(text).toString('base64url');
}

/** Reads a client's cursor. Throws INVALID_ARGUMENT if it does not have the form of a stream's cursor. */
export function decodeCursor(text: string): Cursor {
  const { i, p, g, s } = parsed(text);
  if (typeof i !== 'string' || !isDecimal(p) || !isGenerationNumber(g) || !(s === undefined || isDecimal(s)))
    throw appError(ErrorReason.INVALID_ARGUMENT, 'the cursor is not valid: use one that a stream returned', {
      field: 'cursor',
    });
  return { generationId: i, generationNumber: g, position: BigInt(p), seen: s === undefined ? s : BigInt(s) };
}

function isDecimal(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value);
}

function isGenerationNumber(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) > 0);
}

function parsed(text: string): { i?: unknown; p?: unknown; g?: unknown; s?: unknown } {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) ?? {};
  } catch {
    return {};
  }
}
