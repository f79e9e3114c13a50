/** The period in which no task of a session may be claimed or fetched, in milliseconds of this process. */
export interface NoSendWindow {
  /** When the command that takes control from the bot was answered. */
  readonly from: number;
  /** When a command was sent that may return control to the bot. */
  until: number;
}

/** A claim or a fetch that succeeded. */
export interface SendOperation {
  readonly kind: string;
  readonly sessionId: string;
  /** When it was sent, and when its answer arrived. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * The operations that lie completely in a no-send window of their session. One that was answered after the end of the window
 * proves nothing: it may have been served after the bot was in control again.
 */
export function operationsInNoSendWindow(
  operations: readonly SendOperation[],
  windows: ReadonlyMap<string, readonly NoSendWindow[]>,
): SendOperation[] {
  return operations.filter(({ sessionId, startedAt, endedAt }) =>
    windows.get(sessionId)?.some(({ from, until }) => startedAt > from && endedAt < until),
  );
}
