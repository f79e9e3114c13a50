import type { Database } from '../../services/lib/db/database.ts';
import type { EventLog } from '../../services/lib/messaging/bus/event-log.ts';

/** The input of a check. One object is one run: the log is read once for it. */
export interface StoredState {
  readonly db: Database;
  readonly log: EventLog;
}

/** One thing that has to be true of what is stored, and the cases in which it is not. */
export interface InvariantCheck {
  /** In one sentence, as users bank on it. */
  readonly invariant: string;
  /** A line per violation, with the ids; empty when it holds. */
  violations(stored: StoredState): Promise<string[]>;
  /**
   * One line per case that unhandled stored events explain, or that a job will repair: it disappears when the system runs on.
   */
  behind?(stored: StoredState): Promise<string[]>;
}

/** A case in which an invariant does not hold. */
export interface Finding {
  readonly text: string;
  /** Whether stored events that are not handled yet explain it. */
  readonly behind: boolean;
}

/** A check that separates violations from cases that are only behind. */
export function invariantCheck(invariant: string, find: (stored: StoredState) => Promise<Finding[]>): InvariantCheck {
  const textsOf = (findings: Finding[], behind: boolean) =>
    findings.filter((finding) => finding.behind === behind).map(({ text }) => text);
  return {
    invariant,
    violations: async (stored) => textsOf(await find(stored), false),
    behind: async (stored) => textsOf(await find(stored), true),
  };
}

/** Groups rows by a key. */
export function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  return Map.groupBy(rows, key);
}
