import { pause } from '../bell.ts';
import type { Logger } from '../log.ts';
import type { Database } from './database.ts';
import { type DatabaseFault, faultTexts } from './fault.ts';
import { probeWrite } from './probe-write.ts';

/** How long a successful probe stays valid if no statement fails. */
const FRESH_MS = 10_000;
/** The time between two probes of a database that failed a probe, and the minimum between any two probes. */
const RETRY_MS = 1_000;
/** The time between two log lines about statements that fail while the database accepts writes. */
const TELL_MS = 60_000;
/** A database that takes longer to write a row counts as not answering. */
const PROBE_MS = 5_000;

/**
 * Whether the database accepts writes, tested by a write of this process: when readiness asks, at most every 10 s, and soon
 * after a statement that failed because of the database. From the first failed probe to the next successful one it counts as
 * lost, and is probed every second. Both ends of an outage are logged once.
 */
export class DatabaseHealth implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #lost: { fault: DatabaseFault; readonly since: number } | undefined;
  /** Whether a statement has failed because the disk is full: a small row may still fit where others do not. */
  #isTight = false;
  /** The fault of a statement that no probe has confirmed yet. */
  #reported: Found | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Starts at now: the process has just written to the database. */
  #checkedAt = performance.now();
  #probing: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    db.onFault = (fault, error) => {
      if (fault === 'full') this.#isTight = true;
      this.#reported = { fault, error };
      if (!this.#lost) void this.#probe();
    };
  }

  /** Why the database does not accept writes now; undefined when it does. Answers within 5 s. */
  async fault(): Promise<DatabaseFault | undefined> {
    if (!this.#lost && performance.now() - this.#checkedAt >= FRESH_MS)
      await Promise.race([this.#probe(), pause(PROBE_MS, this.#stop.signal)]);
    return this.#lost?.fault;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#db.onFault = () => {};
    await Promise.all([this.#probing, this.#following]);
  }

  /** Runs one probe, not sooner than a second after the last one. */
  #probe(): Promise<void> {
    this.#probing ??= this.#look().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  async #look(): Promise<void> {
    const { signal } = this.#stop;
    await pause(this.#checkedAt + RETRY_MS - performance.now(), signal);
    if (signal.aborted) return;
    const found = await this.#write();
    this.#checkedAt = performance.now();
    if (found && !this.#lost) this.#lose(found);
    else if (found && this.#lost) this.#lost.fault = found.fault;
    else if (this.#lost) this.#recover(this.#lost);
    else if (this.#reported) this.#tell(this.#reported);
    this.#reported = undefined;
  }

  /**
   * Logs statements that fail while the database accepts writes, for example for a missing privilege on one table. A lost
   * connection is not logged.
   */
  #tell({ fault, error }: Found): void {
    if (fault === 'away' || performance.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = performance.now();
    const line = { event: 'database_fault', reason: fault, error: textOf(error) };
    this.#logger.warn(line, `a statement failed: ${faultTexts[fault]}`);
  }

  #lose({ fault, error }: Found): void {
    this.#lost = { fault, since: performance.now() };
    this.#logger.warn({ event: 'database_lost', reason: fault, error: textOf(error) }, faultTexts[fault]);
    this.#following = this.#follow();
  }

  #recover({ since }: { readonly since: number }): void {
    this.#lost = undefined;
    const seconds = Math.round(performance.now() - since) / 1_000;
    this.#logger.info({ event: 'database_back', seconds }, 'the database accepts writes again');
  }

  async #follow(): Promise<void> {
    while (this.#lost && !this.#stop.signal.aborted) {
      await pause(RETRY_MS, this.#stop.signal);
      await this.#probe();
    }
  }

  /** Why a write fails. A busy pool is no fault: the timeout starts when a connection is available. */
  async #write(): Promise<Found | undefined> {
    const { backend } = this.#db;
    try {
      const connection = await backend.connect();
      const isThorough = this.#isTight;
      this.#isTight = false;
      const writing = probeWrite(backend, connection, isThorough);
      const late = pause(PROBE_MS, this.#stop.signal).then(() =>
        Promise.reject(new Error('it does not answer in time')),
      );
      await Promise.race([writing, late]);
      return undefined;
    } catch (error) {
      const fault = backend.faultOf(error) ?? 'away';
      this.#isTight ||= fault === 'full';
      return { fault, error };
    }
  }
}

interface Found {
  readonly fault: DatabaseFault;
  readonly error: unknown;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
