import type { Database } from '../../services/lib/db/database.ts';
import type { EventLog } from '../../services/lib/messaging/bus/event-log.ts';

/** The input of the checks. One object per run: the log is read once for it. */
export interface StoredState {
  readonly db: Database;
  readonly log: EventLog;
}

/** An invariant of the stored data, and how to find the cases that break it. */
export interface InvariantCheck {
  /** The invariant in one sentence, as users rely on it. */
  readonly invariant: string;
  /** One line per violation, with the ids; empty if the invariant holds. */
  violations(stored: StoredState): Promise<string[]>;
  /**
   * One line per case that unhandled events explain or a job will repair: it disappears when the system runs again.
   */
  behind?(stored: StoredState): Promise<string[]>;
}

/** A case in which an invariant does not hold. */
export interface Finding {
  readonly text: string;
  /** Whether unhandled stored events explain it. */
  readonly behind: boolean;
}

/** A check that separates violations from cases that are behind. */
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
