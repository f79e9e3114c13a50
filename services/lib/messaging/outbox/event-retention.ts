/** How long the log keeps events, and the outbox the rows that it may have to publish again. */
export const EVENT_RETENTION_HOURS = 72;
/** How long a consumer remembers its progress in a session without new events. */
export const PROGRESS_RETENTION_HOURS = 30 * 24;
/** Longer than the progress is remembered: a number that restarted below it would be dropped as a repeat. */
export const SEQUENCE_RETENTION_HOURS = 2 * PROGRESS_RETENTION_HOURS;
