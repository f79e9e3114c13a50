import type { Stored } from './check.ts';
import { checks } from './checks.ts';

const SHOWN = 10;
const COUNTED = ['sessions', 'tasks', 'receipts', 'messages', 'outbox', 'handovers'] as const;

/** What the checks found. */
export interface Report {
  readonly checks: readonly { readonly claim: string; readonly violations: readonly string[] }[];
  /** How many rows of which table there were to judge. */
  readonly counts: Readonly<Record<string, number>>;
  /** Whether every claim holds; of nothing everything is true, and that is no proof. */
  readonly holds: boolean;
}

/** Judges what is stored. It changes nothing. */
export async function judge(stored: Stored): Promise<Report> {
  const found: Report['checks'][number][] = [];
  for (const { claim, violations } of checks) found.push({ claim, violations: await violations(stored) });
  const counts = await counted(stored);
  const broken = found.some(({ violations }) => violations.length > 0);
  return { checks: found, counts, holds: !broken && !isEmpty(counts) };
}

/** A line per claim with the first violations, and what it comes to. */
export function reportText({ checks: found, counts }: Report): string {
  const lines = found.flatMap(({ claim, violations }) => [
    `${violations.length === 0 ? 'holds ' : 'BROKEN'}  ${claim}`,
    ...violations.slice(0, SHOWN).map((violation) => `          ${violation}`),
    ...(violations.length > SHOWN ? [`          and ${violations.length - SHOWN} more`] : []),
  ]);
  const rows = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  const broken = found.filter(({ violations }) => violations.length > 0).length;
  const verdict = broken === 0 ? 'Every invariant holds.' : `${broken} of ${found.length} do not hold.`;
  return [...lines, '', `Checked: ${rows.join(', ')}.`, isEmpty(counts) ? 'There is nothing to judge.' : verdict].join(
    '\n',
  );
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
