/** Delivers the reminders of one channel. The workers of different channels do not wait for each other. */
export interface DeliveryWorker {
  /** Tries what is due, a few at a time; true when there may be more. Throws what the database did. */
  run(signal: AbortSignal): Promise<boolean>;
}
