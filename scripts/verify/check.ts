import type { EventLog } from '../../services/lib/bus/event-log.ts';
import type { Database } from '../../services/lib/db/database.ts';

/** What a checker reads. One object is one look: the log is read once for it. */
export interface Stored {
  readonly db: Database;
  readonly log: EventLog;
}

/** One thing that has to be true of what is stored, and the cases in which it is not. */
export interface Check {
  /** In one sentence, as users bank on it. */
  readonly claim: string;
  /** A line per violation, with the ids; empty when it holds. */
  violations(stored: Stored): Promise<string[]>;
  /**
   * A line per case that events explain which are stored and not handled yet, or that a job will put right: running on makes the
   * claim true of it.
   */
  behind?(stored: Stored): Promise<string[]>;
}

/** A case in which a claim is not true. */
export interface Finding {
  readonly text: string;
  /** Whether events that are stored and not handled yet explain it. */
  readonly behind: boolean;
}

/** A check that tells the violations of its claim from what is only behind. */
export function checkOf(claim: string, find: (stored: Stored) => Promise<Finding[]>): Check {
  const textsOf = (findings: Finding[], behind: boolean) =>
    findings.filter((finding) => finding.behind === behind).map(({ text }) => text);
  return {
    claim,
    violations: async (stored) => textsOf(await find(stored), false),
    behind: async (stored) => textsOf(await find(stored), true),
  };
}

/** Groups rows by a key. */
export function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  return Map.groupBy(rows, key);
}
