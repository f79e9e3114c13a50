import type { Check } from './check.ts';
import { directoryChecks } from './directory.ts';
import { eventChecks } from './events.ts';
import { fenceChecks } from './fences.ts';
import { handoverChecks } from './handovers.ts';
import { historyChecks } from './history.ts';
import { messageChecks } from './messages.ts';
import { sessionChecks } from './sessions.ts';
import { taskChecks } from './tasks.ts';
import { tenantChecks } from './tenants.ts';

/** Everything that is checked, in the order in which it is told. */
export const checks: readonly Check[] = [
  ...sessionChecks,
  ...fenceChecks,
  ...taskChecks,
  ...messageChecks,
  ...eventChecks,
  ...historyChecks,
  ...handoverChecks,
  ...directoryChecks,
  ...tenantChecks,
];
