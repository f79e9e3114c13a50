import { CachedValue } from '../../lib/cache/cached-value.ts';
import type { SessionDeps } from '../deps.ts';
import { countByControl } from '../store/count-by-control.ts';
import type { SessionTables } from '../store/tables.ts';

const MEASUREMENT_TTL_MS = 15_000;
/** Listed, so that a control without sessions is reported as 0. */
const controls = ['bot_active', 'pending_manual', 'manual_live', 'manual_live_external'];

/** Measures the open sessions by control. All processes of the service report the same numbers. */
export function measureSessions({ db, metrics }: Pick<SessionDeps, 'db' | 'metrics'>): void {
  const recent = new CachedValue(MEASUREMENT_TTL_MS, () => countByControl(db.autocommit<SessionTables>()));
  metrics.sessionsByControl.measureBy(async () => {
    const counts = await recent.get();
    return controls.map((control) => ({ labels: { control }, value: counts.get(control) ?? 0 }));
  });
}
