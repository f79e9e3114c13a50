/** For so long after it asked for a renewal, by its monotonic clock, a process may hand out text of its turn. */
export const TURN_LEASE_MS = 2_000;
/** How often a process renews the lease of its turn. */
export const TURN_RENEWAL_MS = 500;
/** What is added to a lease before another process takes the turn away: clocks of hosts do not tick at the same rate. */
export const TURN_LEASE_MARGIN_MS = 250;

/** The newest turn of a chat session: a bot's answer to everything that was unanswered when it began. */
export interface ChatTurn {
  readonly tenant: string;
  readonly sessionId: string;
  readonly turnId: string;
  /** The epoch of the fence under which it began. */
  readonly ownerEpoch: number;
  readonly running: boolean;
  /** Whether the fence was raised above its epoch: its lease is not renewed any more. */
  readonly stopRequested: boolean;
  /** The epoch of the fence that stopped it; 0 when nothing did. */
  readonly stoppedEpoch: number;
  /** How often its lease was renewed. */
  readonly renewals: number;
  /** The text that was handed out, as of the last renewal; when the process has ended the turn itself: all of it. */
  readonly handedOut: string;
  /** Whether `handedOut` is all that was handed out. */
  readonly complete: boolean;
  /** The id of its answer. */
  readonly messageId: string;
  /** Whether the answer was stored, in full or in part. */
  readonly messageStored: boolean;
  /** The number of the last user message that it answers. */
  readonly answersSeq: number;
  /** How many user messages it answers. */
  readonly answersCount: number;
  /** Whether it only hands out an answer that is stored already: it asks no engine, and stores nothing. */
  readonly delivers: boolean;
  readonly startedAt: number;
}
