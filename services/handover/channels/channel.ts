import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';

/** A channel by which reminders reach people. */
export interface ReminderChannel {
  /** Identifies its deliveries in the database: it must be the same after a restart, and contain no secret. */
  readonly name: string;
  /** The receiver's limit. Without one each reminder is sent by itself, several concurrently. */
  readonly rateLimit?: RateLimit;
  /**
   * Returns when the receiver has accepted all of the reminders: one, or as many as the rate limit puts into one message.
   * Throws DeliveryError when it has not, or when the outcome is unknown. Runs in the context of the reminders' tenant. A
   * reminder may be delivered again when the process ends before its acceptance is recorded: receivers deduplicate by its id.
   */
  deliver(reminders: ReminderBatch, signal: AbortSignal): Promise<void>;
}

/** The reminders of one message. */
export type ReminderBatch = readonly [Reminder, ...Reminder[]];

/** The limits of a receiver that accepts one message at a time. */
export interface RateLimit {
  /** The shortest time between the starts of two messages, in milliseconds, over all processes. */
  readonly intervalMs: number;
  /** How many of the reminders, from the first one on, fit into one message: at least one. */
  batchSize(reminders: ReminderBatch): number;
}

/** A failed delivery. Its message is safe to store and log: no URL, no secret, no text of the receiver. */
export class DeliveryError extends Error {
  /** Whether the receiver rejected the message, rather than being unavailable or busy. */
  readonly permanent: boolean;
  /** Whether the content may be the cause: the reminders are then sent each by itself. */
  readonly ofContent: boolean;
  /** The pause that the receiver asked for, in milliseconds. */
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
