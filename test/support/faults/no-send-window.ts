/** From when to when nothing of a session may be claimed or fetched, in milliseconds of this process. */
export interface NoSendWindow {
  /** When the command that silences was answered. */
  readonly from: number;
  /** When a command was sent that may let the bot speak again. */
  until: number;
}

/** A claim or a fetch that succeeded. */
export interface SendOperation {
  readonly what: string;
  readonly sessionId: string;
  /** When it was sent, and when its answer was there. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * The deeds that lie in a silence of their session as a whole. One that began in a silence and was answered behind its end
 * proves nothing: it may have been served after the bot had got the word back.
 */
export function operationsInNoSendWindow(
  operations: readonly SendOperation[],
  windows: ReadonlyMap<string, readonly NoSendWindow[]>,
): SendOperation[] {
  return operations.filter(({ sessionId, startedAt, endedAt }) =>
    windows.get(sessionId)?.some(({ from, until }) => startedAt > from && endedAt < until),
  );
}
