import type { Logger } from '../../observability/logger.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { Database } from '../database.ts';
import { type DatabaseFault, faultMessages } from '../database-fault.ts';
import { probeWrite } from './probe-write.ts';

/** How long a successful probe stays valid if no statement fails. */
const PROBE_TTL_MS = 10_000;
/** The time between two probes of a database that failed a probe, and the minimum between any two probes. */
const MIN_PROBE_INTERVAL_MS = 1_000;
/** The time between two log lines about statements that fail while the database accepts writes. */
const MIN_LOG_INTERVAL_MS = 60_000;
/** A database that takes longer to write a row counts as not answering. */
const PROBE_TIMEOUT_MS = 5_000;

/**
 * Whether the database accepts writes, tested by a write of this process: when readiness asks, at most every 10 s, and soon
 * after a statement that failed because of the database. From the first failed probe to the next successful one it counts as
 * lost, and is probed every second. Both ends of an outage are logged once.
 */
export class DatabaseHealth implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #outage: { fault: DatabaseFault; readonly since: number } | undefined;
  /** Whether a statement has failed because the disk is full: a small row may still fit where others do not. */
  #mayBeFull = false;
  /** The fault of a statement that no probe has confirmed yet. */
  #reported: ReportedFault | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;
  /** Starts at now: the process has just written to the database. */
  #checkedAt = performance.now();
  #runningProbe: Promise<void> | undefined;
  #recovery: Promise<void> | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    db.onFault = (fault, error) => {
      if (fault === 'full') this.#mayBeFull = true;
      this.#reported = { fault, error };
      if (!this.#outage) void this.#probe();
    };
  }

  /** Why the database does not accept writes now; undefined when it does. Answers within 5 s. */
  async fault(): Promise<DatabaseFault | undefined> {
    if (!this.#outage && performance.now() - this.#checkedAt >= PROBE_TTL_MS)
      await Promise.race([this.#probe(), sleep(PROBE_TIMEOUT_MS, this.#stop.signal)]);
    return this.#outage?.fault;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#db.onFault = () => {};
    await Promise.all([this.#runningProbe, this.#recovery]);
  }

  /** Runs one probe, not sooner than a second after the last one. */
  #probe(): Promise<void> {
    this.#runningProbe ??= this.#probeOnce().finally(() => {
      this.#runningProbe = undefined;
    });
    return this.#runningProbe;
  }

  async #probeOnce(): Promise<void> {
    const { signal } = this.#stop;
    await sleep(this.#checkedAt + MIN_PROBE_INTERVAL_MS - performance.now(), signal);
    if (signal.aborted) return;
    const found = await this.#tryWrite();
    this.#checkedAt = performance.now();
    if (found && !this.#outage) this.#beginOutage(found);
    else if (found && this.#outage) this.#outage.fault = found.fault;
    else if (this.#outage) this.#endOutage(this.#outage);
    else if (this.#reported) this.#logFault(this.#reported);
    this.#reported = undefined;
  }

  /**
   * Logs statements that fail while the database accepts writes, for example for a missing privilege on one table. A lost
   * connection is not logged.
   */
  #logFault({ fault, error }: ReportedFault): void {
    if (fault === 'away' || performance.now() - this.#loggedAt < MIN_LOG_INTERVAL_MS) return;
    this.#loggedAt = performance.now();
    const line = { event: 'database_fault', reason: fault, error: messageOf(error) };
    this.#logger.warn(line, `a statement failed: ${faultMessages[fault]}`);
  }

  #beginOutage({ fault, error }: ReportedFault): void {
    this.#outage = { fault, since: performance.now() };
    this.#logger.warn({ event: 'database_lost', reason: fault, error: messageOf(error) }, faultMessages[fault]);
    this.#recovery = this.#probeUntilRecovered();
  }

  #endOutage({ since }: { readonly since: number }): void {
    this.#outage = undefined;
    const seconds = Math.round(performance.now() - since) / 1_000;
    this.#logger.info({ event: 'database_back', seconds }, 'the database accepts writes again');
  }

  async #probeUntilRecovered(): Promise<void> {
    while (this.#outage && !this.#stop.signal.aborted) {
      await sleep(MIN_PROBE_INTERVAL_MS, this.#stop.signal);
      await this.#probe();
    }
  }

  /** Why a write fails. A busy pool is no fault: the timeout starts when a connection is available. */
  async #tryWrite(): Promise<ReportedFault | undefined> {
    const { backend } = this.#db;
    try {
      const connection = await backend.acquireConnection();
      const isThorough = this.#mayBeFull;
      this.#mayBeFull = false;
      const writing = probeWrite(backend, connection, isThorough);
      const timeout = sleep(PROBE_TIMEOUT_MS, this.#stop.signal).then(() =>
        Promise.reject(new Error('it does not answer in time')),
      );
      await Promise.race([writing, timeout]);
      return undefined;
    } catch (error) {
      const fault = backend.faultOf(error) ?? 'away';
      this.#mayBeFull ||= fault === 'full';
      return { fault, error };
    }
  }
}

interface ReportedFault {
  readonly fault: DatabaseFault;
  readonly error: unknown;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
