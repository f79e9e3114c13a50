import { expect, it } from 'vitest';
import { queryPlan, recordStatements } from '../support/db/sql-plans.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

/** Every filter of the lists, and the index that finds its rows in the order of the list. */
const indexes: Readonly<Record<string, string>> = {
  '/api/handovers?': 'handovers_age (tenant=?)',
  '/api/handovers?session=ses_1': 'handovers_session (tenant=? AND session_id=?)',
  '/api/handovers?state=live': 'handovers_state (tenant=? AND state=?)',
  '/api/handovers?agent_id=a': 'handovers_agent (tenant=? AND agent_id=?)',
  '/api/reminders?': 'reminders_age (tenant=?)',
  '/api/reminders?session=ses_1': 'reminders_session (tenant=? AND session_id=?)',
  '/api/reminders?state=pending': 'reminders_listed_state (tenant=? AND listed_state=?)',
  '/api/reminders?state=acknowledged': 'reminders_listed_state (tenant=? AND listed_state=?)',
  '/api/audit?': 'audit_entries_age (tenant=?)',
  '/api/audit?newest_first=true': 'audit_entries_age (tenant=?)',
  '/api/audit?session=ses_1': 'audit_entries_session (tenant=? AND session_id=?)',
  '/api/audit?agent_id=a': 'audit_entries_actor (tenant=? AND actor_key=?)',
  '/api/audit?since=2026-01-01T00:00:00Z': 'audit_entries_age (tenant=? AND created_at>?)',
  '/api/audit?until=2026-01-01T00:00:00Z': 'audit_entries_age (tenant=? AND created_at<?)',
  '/api/audit?agent_id=a&since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z':
    'audit_entries_actor (tenant=? AND actor_key=? AND created_at>? AND created_at<?)',
  '/api/audit?session=ses_1&since=2026-01-01T00:00:00Z':
    'audit_entries_session (tenant=? AND session_id=? AND created_at>?)',
};

/** The plans of the statements that a list runs on its table. */
async function plansOf({ process, rest }: TestSystem, path: string): Promise<string[]> {
  const { db } = process.deps;
  const statements = new Set<string>();
  {
    using _ = recordStatements(db.backend, statements);
    await rest.ok(rest.get(path));
  }
  const lists = [...statements].filter((text) => /^select \* from "(handovers|reminders|audit_entries)"/.test(text));
  return Promise.all(lists.map((text) => queryPlan(db, text)));
}

it('every filter of handovers, reminders and the audit reads a page in the order of an index in SQLite', async () => {
  await using system = await startTestSystem('embedded');
  for (const [path, index] of Object.entries(indexes)) {
    const [table] = index.split(/_(?=age|session|state|agent|listed|actor)/);
    const plan = `SEARCH ${table} USING INDEX ${index}`;
    expect([path, await plansOf(system, path)]).toEqual([path, [plan]]);
  }
});
