import type { InvariantCheck } from './invariant-check.ts';

const TABLES = [
  'tasks',
  'receipts',
  'session_fence',
  'messages',
  'outgoing_messages',
  'handovers',
  'audit_entries',
  'outbox',
] as const;

type Tables = Record<(typeof TABLES)[number] | 'sessions', { tenant: string; session_id: string | null }>;

export const tenantChecks: InvariantCheck[] = [
  {
    invariant: 'all data of a session is stored under its own tenant',
    violations: async ({ db }) => {
      const rows = await db.autocommit<Tables>().selectFrom('sessions').select(['tenant', 'session_id']).execute();
      const owner = new Map(rows.map((row) => [row.session_id, row.tenant]));
      const violations: string[] = [];
      for (const table of TABLES) {
        const found = await db
          .autocommit<Tables>()
          .selectFrom(table)
          .select(['tenant', 'session_id'])
          .distinct()
          .execute();
        for (const { tenant, session_id } of found)
          if ((owner.get(session_id) ?? tenant) !== tenant) violations.push(`${table}: ${session_id} under ${tenant}`);
      }
      return violations;
    },
  },
];
