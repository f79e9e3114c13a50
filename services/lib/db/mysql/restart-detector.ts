/**
 * When the server was started, in seconds of its clock. Both terms are of the same moment, so every connection reads the same
 * value until the server is restarted. MySQL and MariaDB each execute only the comment for their own dialect.
 */
export const SELECT_START_TIME =
  'SELECT UNIX_TIMESTAMP() - variable_value AS started FROM ' +
  "/*!80000 performance_schema.global_status *//*M! information_schema.global_status */ WHERE variable_name = 'UPTIME'";

/** Detects, by the start time that new connections read, a restart of the server or another server at the address. */
export class RestartDetector {
  #startedAt: string | undefined;
  #since = Number.NEGATIVE_INFINITY;

  /** Since when all reads have come from the server as it runs now, by performance.now(). */
  get runningSince(): number {
    return this.#since;
  }

  /** To be called for every connection, with the answer to STARTED_AT, before anything else was answered on it. */
  reportStartTime(startedAt: string): void {
    if (startedAt === this.#startedAt) return;
    if (this.#startedAt !== undefined) this.#since = performance.now();
    this.#startedAt = startedAt;
  }
}
