/** Delivers the reminders of one channel. The workers of different channels do not wait for each other. */
export interface DeliveryWorker {
  /** Attempts a few of the due deliveries; true when there may be more. Throws errors of the database. */
  run(signal: AbortSignal): Promise<boolean>;
}
