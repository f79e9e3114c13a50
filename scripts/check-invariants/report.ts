import { checks } from './checks.ts';
import type { StoredState } from './invariant-check.ts';

const MAX_CASES = 10;
const COUNTED_TABLES = ['sessions', 'tasks', 'receipts', 'messages', 'outbox', 'handovers'] as const;

interface CheckReport {
  readonly claim: string;
  readonly violations: readonly string[];
  /** Cases that unhandled stored events explain: the next start handles them. */
  readonly behind: readonly string[];
}

/** The result of all checks. */
export interface InvariantReport {
  readonly checks: readonly CheckReport[];
  /** The number of checked rows per table. */
  readonly counts: Readonly<Record<string, number>>;
  /** Whether no invariant is broken; false without data, because an empty database proves nothing. */
  readonly holds: boolean;
  /** Whether the next start has work to do. */
  readonly behind: boolean;
}

/** Runs all checks. It changes nothing. */
export async function runChecks({ db, log }: StoredState): Promise<InvariantReport> {
  const stored = { db, log };
  const reports: CheckReport[] = [];
  for (const { invariant, violations, behind } of checks)
    reports.push({ claim: invariant, violations: await violations(stored), behind: (await behind?.(stored)) ?? [] });
  const counts = await countRows(stored);
  const broken = reports.some(({ violations }) => violations.length > 0);
  const behindCount = reports.some(({ behind }) => behind.length > 0);
  return { checks: reports, counts, holds: !broken && !isEmpty(counts), behind: behindCount };
}

/** One line per invariant with its first cases, and a summary. */
export function formatReport({ checks: reports, counts }: InvariantReport): string {
  const lines = reports.flatMap(({ claim, violations, behind }) => [
    `${violations.length > 0 ? 'BROKEN' : behind.length > 0 ? 'behind' : 'holds '}  ${claim}`,
    ...formatCases(violations),
    ...formatCases(behind.map((each) => `behind: ${each}`)),
  ]);
  const rows = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return [
    ...lines,
    '',
    `Checked: ${rows.join(', ')}.`,
    isEmpty(counts) ? 'There is no data to check.' : summary(reports),
  ].join('\n');
}

function formatCases(texts: readonly string[]): string[] {
  const more = texts.length > MAX_CASES ? [`and ${texts.length - MAX_CASES} more`] : [];
  return [...texts.slice(0, MAX_CASES), ...more].map((text) => `          ${text}`);
}

function summary(reports: readonly CheckReport[]): string {
  const broken = reports.filter(({ violations }) => violations.length > 0).length;
  if (broken > 0) return `${broken} of ${reports.length} invariants are broken.`;
  const behindCount = reports.filter(({ behind }) => behind.length > 0).length;
  return behindCount > 0
    ? `No invariant is broken; ${behindCount} of ${reports.length} are behind: the next start handles them.`
    : 'Every invariant holds.';
}

function isEmpty(counts: InvariantReport['counts']): boolean {
  return Object.values(counts).every((count) => count === 0);
}

async function countRows({ db }: StoredState): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of COUNTED_TABLES) {
    const query = db.autocommit<Record<string, object>>().selectFrom(table);
    const row = await query.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow();
    counts[table] = Number(row.count);
  }
  return counts;
}
