import type { Stored } from './check.ts';
import { checks } from './checks.ts';

const SHOWN = 10;
const COUNTED = ['sessions', 'tasks', 'receipts', 'messages', 'outbox', 'handovers'] as const;

interface CheckReport {
  readonly claim: string;
  readonly violations: readonly string[];
  /** Cases that unhandled stored events explain: the next start handles them. */
  readonly behind: readonly string[];
}

/** What the checks found. */
export interface Report {
  readonly checks: readonly CheckReport[];
  /** How many rows of which table there were to judge. */
  readonly counts: Readonly<Record<string, number>>;
  /** Whether no invariant is broken; false without data, because an empty system proves nothing. */
  readonly holds: boolean;
  /** Whether the next start has work to do. */
  readonly behind: boolean;
}

/** Judges what is stored. It changes nothing. */
export async function judge({ db, log }: Stored): Promise<Report> {
  const stored = { db, log };
  const found: CheckReport[] = [];
  for (const { claim, violations, behind } of checks)
    found.push({ claim, violations: await violations(stored), behind: (await behind?.(stored)) ?? [] });
  const counts = await counted(stored);
  const broken = found.some(({ violations }) => violations.length > 0);
  const late = found.some(({ behind }) => behind.length > 0);
  return { checks: found, counts, holds: !broken && !isEmpty(counts), behind: late };
}

/** A line per invariant with its first cases, and the verdict. */
export function reportText({ checks: found, counts }: Report): string {
  const lines = found.flatMap(({ claim, violations, behind }) => [
    `${violations.length > 0 ? 'BROKEN' : behind.length > 0 ? 'behind' : 'holds '}  ${claim}`,
    ...casesOf(violations),
    ...casesOf(behind.map((each) => `behind: ${each}`)),
  ]);
  const rows = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return [
    ...lines,
    '',
    `Checked: ${rows.join(', ')}.`,
    isEmpty(counts) ? 'There is nothing to check.' : verdict(found),
  ].join('\n');
}

function casesOf(texts: readonly string[]): string[] {
  const more = texts.length > SHOWN ? [`and ${texts.length - SHOWN} more`] : [];
  return [...texts.slice(0, SHOWN), ...more].map((text) => `          ${text}`);
}

function verdict(found: readonly CheckReport[]): string {
  const broken = found.filter(({ violations }) => violations.length > 0).length;
  if (broken > 0) return `${broken} of ${found.length} do not hold.`;
  const late = found.filter(({ behind }) => behind.length > 0).length;
  return late > 0
    ? `No invariant is broken; ${late} of ${found.length} are behind: the next start handles them.`
    : 'Every invariant holds.';
}

function isEmpty(counts: Report['counts']): boolean {
  return Object.values(counts).every((count) => count === 0);
}

async function counted({ db }: Stored): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of COUNTED) {
    const query = db.of<Record<string, object>>().selectFrom(table);
    const row = await query.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow();
    counts[table] = Number(row.count);
  }
  return counts;
}
