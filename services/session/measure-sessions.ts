import { RecentValue } from '../lib/recent-value.ts';
import type { SessionDeps } from './deps.ts';
import { countByControl } from './store/control-counts.ts';
import type { SessionTables } from './store/schema.ts';

/** How long a measurement is shown. */
const FRESH_MS = 15_000;
/** Every one has a value, so that one which falls to nothing is seen to. */
const controls = ['bot_active', 'pending_manual', 'manual_live', 'manual_live_external'];

/** Shows how many open sessions are under whose control; every process of the service alike. */
export function measureSessions({ db, metrics }: Pick<SessionDeps, 'db' | 'metrics'>): void {
  const recent = new RecentValue(FRESH_MS, () => countByControl(db.of<SessionTables>()));
  metrics.sessionsByControl.measureBy(async () => {
    const counts = await recent.get();
    return controls.map((control) => ({ labels: { control }, value: counts.get(control) ?? 0 }));
  });
}
