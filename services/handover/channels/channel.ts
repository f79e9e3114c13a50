import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';

/** A way to tell people of a reminder. */
export interface ReminderChannel {
  /** Names its deliveries in the database: it has to stay the same over restarts. Holds no secret. */
  readonly name: string;
  /**
   * Returns when the receiver has taken the reminder. Throws DeliveryError when it has not, or nobody knows whether. Runs in
   * the context of the reminder's tenant. The same reminder may be delivered again when the process ends between its
   * arrival and the note of it: receivers dedupe by its id.
   */
  deliver(reminder: Reminder, signal: AbortSignal): Promise<void>;
}

/** Why a delivery failed, in words that are safe to store and log: no URL, no secret, nothing that the receiver said. */
export class DeliveryError extends Error {
  /** Whether the receiver said no to this reminder, rather than being away or busy. */
  readonly permanent: boolean;
  /** How long the receiver asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(
    message: string,
    { permanent = false, retryAfterMs }: { permanent?: boolean; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.permanent = permanent;
    this.retryAfterMs = retryAfterMs;
  }
}
