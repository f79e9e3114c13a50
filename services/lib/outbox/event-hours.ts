/** How long the log keeps events, and the outbox what it may have to publish again. */
export const EVENT_HOURS = 72;
/** How long a consumer remembers what it has seen of a session that is quiet. */
export const PROGRESS_HOURS = 30 * 24;
/** Longer than what was seen of a session: a number that begins anew below it would be dropped as a repeat. */
export const SEQUENCE_HOURS = 2 * PROGRESS_HOURS;
