import { groupBy, type InvariantCheck, invariantCheck } from './invariant-check.ts';
import { pendingSteps } from './pending-steps.ts';

interface Tables {
  sessions: { tenant: string; session_id: string; control: string; owner_epoch: number };
  handovers: { tenant: string; session_id: string; state: string };
  audit_entries: { tenant: string; session_id: string; owner_epoch: number; action: string };
}

/** Whether the session skipped this epoch when it passed its fence: the database had lost the change. */
function epochWasLost(epoch: number, entries: readonly Tables['audit_entries'][]): boolean {
  const [next] = entries.filter((row) => row.owner_epoch > epoch).sort((a, b) => a.owner_epoch - b.owner_epoch);
  return next?.action === 'pass_fence';
}

const expectedHandovers = (control: string | undefined) =>
  control === 'pending_manual' || control === 'manual_live' ? 1 : 0;

export const handoverChecks: InvariantCheck[] = [
  invariantCheck('a session without the bot in control has one open handover; any other has none', async (stored) => {
    const pending = await pendingSteps(stored, 'handover');
    const kysely = stored.db.autocommit<Tables>();
    const sessions = await kysely.selectFrom('sessions').select(['tenant', 'session_id', 'control']).execute();
    const openHandovers = groupBy(
      await kysely.selectFrom('handovers').selectAll().where('state', 'in', ['waiting', 'live']).execute(),
      (row) => `${row.tenant} ${row.session_id}`,
    );
    return sessions.flatMap(({ tenant, session_id, control }) => {
      const count = openHandovers.get(`${tenant} ${session_id}`)?.length ?? 0;
      if (count === expectedHandovers(control)) return [];
      const steps = pending.get(`${tenant} ${session_id}`) ?? [];
      const pendingControls = steps.flatMap((step) => [step.from?.control, step.control]);
      const behind = pendingControls.some((each) => expectedHandovers(each) === count);
      return [{ text: `${session_id} is ${control} and has ${count} lasting handovers`, behind }];
    });
  }),
  invariantCheck('every change of control is in the audit log', async (stored) => {
    const pending = await pendingSteps(stored, 'handover');
    const kysely = stored.db.autocommit<Tables>();
    const sessions = await kysely.selectFrom('sessions').select(['tenant', 'session_id', 'owner_epoch']).execute();
    const audited = groupBy(
      await kysely.selectFrom('audit_entries').selectAll().execute(),
      (r) => `${r.tenant} ${r.session_id}`,
    );
    return sessions.flatMap(({ tenant, session_id, owner_epoch }) => {
      const entries = audited.get(`${tenant} ${session_id}`) ?? [];
      const epochs = new Set(entries.map((row) => row.owner_epoch));
      const missing = Array.from({ length: owner_epoch - 1 }, (_, index) => index + 2).filter(
        (epoch) => !epochs.has(epoch) && !epochWasLost(epoch, entries),
      );
      if (missing.length === 0) return [];
      const pendingEpochs = new Set((pending.get(`${tenant} ${session_id}`) ?? []).map(({ epoch }) => epoch));
      const behind = missing.every((epoch) => pendingEpochs.has(epoch));
      return [{ text: `${session_id} lacks the epochs ${missing.join(', ')}`, behind }];
    });
  }),
];
