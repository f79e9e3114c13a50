import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';

/** A way to tell people of reminders. */
export interface ReminderChannel {
  /** Names its deliveries in the database: it has to stay the same over restarts. Holds no secret. */
  readonly name: string;
  /** What the receiver can bear. Without it every reminder goes by itself, several at a time. */
  readonly rateLimit?: RateLimit;
  /**
   * Returns when the receiver has taken all of the reminders: one, or as many as the pace lets go together. Throws
   * DeliveryError when it has not, or nobody knows whether. Runs in the context of the reminders' tenant. The same reminder
   * may be delivered again when the process ends between its arrival and the note of it: who can dedupe does so by its id.
   */
  deliver(reminders: ReminderBatch, signal: AbortSignal): Promise<void>;
}

/** Reminders that go in one message. */
export type ReminderBatch = readonly [Reminder, ...Reminder[]];

/** The limits of a receiver that takes one message at a time, and not too often. */
export interface RateLimit {
  /** The shortest time between the beginnings of two messages, in milliseconds, over all processes. */
  readonly intervalMs: number;
  /** How many of the reminders, from the first one on, go into one message: at least one. */
  batchSize(reminders: ReminderBatch): number;
}

/** Why a delivery failed, in words that are safe to store and log: no URL, no secret, no text of the receiver. */
export class DeliveryError extends Error {
  /** Whether the receiver said no, rather than being away or busy. */
  readonly permanent: boolean;
  /** Whether it may be for what the message says: its reminders are then tried each by itself. */
  readonly ofContent: boolean;
  /** How long the receiver asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(
    message: string,
    {
      permanent = false,
      ofContent = false,
      retryAfterMs,
    }: { permanent?: boolean; ofContent?: boolean; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.permanent = permanent;
    this.ofContent = ofContent;
    this.retryAfterMs = retryAfterMs;
  }
}
