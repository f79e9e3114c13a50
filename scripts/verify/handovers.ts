import { type Check, groupBy } from './check.ts';

interface Tables {
  sessions: { tenant: string; session_id: string; control: string; owner_epoch: number };
  handovers: { tenant: string; session_id: string; state: string };
  audit_entries: { tenant: string; session_id: string; owner_epoch: number };
}

export const handoverChecks: Check[] = [
  {
    claim: 'a session that is not the bot’s has one handover that lasts; any other has none',
    violations: async ({ db }) => {
      const kysely = db.of<Tables>();
      const sessions = await kysely.selectFrom('sessions').select(['tenant', 'session_id', 'control']).execute();
      const lasting = groupBy(
        await kysely.selectFrom('handovers').selectAll().where('state', 'in', ['waiting', 'live']).execute(),
        (row) => `${row.tenant} ${row.session_id}`,
      );
      return sessions.flatMap(({ tenant, session_id, control }) => {
        const count = lasting.get(`${tenant} ${session_id}`)?.length ?? 0;
        const expected = control === 'pending_manual' || control === 'manual_live' ? 1 : 0;
        return count === expected ? [] : [`${session_id} is ${control} and has ${count} lasting handovers`];
      });
    },
  },
  {
    claim: 'every change of control is in the audit',
    violations: async ({ db }) => {
      const kysely = db.of<Tables>();
      const sessions = await kysely.selectFrom('sessions').select(['tenant', 'session_id', 'owner_epoch']).execute();
      const audited = groupBy(
        await kysely.selectFrom('audit_entries').selectAll().execute(),
        (r) => `${r.tenant} ${r.session_id}`,
      );
      return sessions.flatMap(({ tenant, session_id, owner_epoch }) => {
        const epochs = new Set((audited.get(`${tenant} ${session_id}`) ?? []).map((row) => row.owner_epoch));
        const missing = Array.from({ length: owner_epoch - 1 }, (_, index) => index + 2).filter(
          (epoch) => !epochs.has(epoch),
        );
        return missing.length === 0 ? [] : [`${session_id} lacks the epochs ${missing.join(', ')}`];
      });
    },
  },
];
