import { chatChecks } from './chats.ts';
import { eventChecks } from './events.ts';
import { fenceChecks } from './fences.ts';
import { handoverChecks } from './handovers.ts';
import { historyChecks } from './history.ts';
import type { InvariantCheck } from './invariant-check.ts';
import { messageChecks } from './messages.ts';
import { partyChecks } from './parties.ts';
import { sessionChecks } from './sessions.ts';
import { taskChecks } from './tasks.ts';
import { tenantChecks } from './tenants.ts';

/** All checks, in the order of the report. */
export const checks: readonly InvariantCheck[] = [
  ...sessionChecks,
  ...fenceChecks,
  ...taskChecks,
  ...messageChecks,
  ...chatChecks,
  ...eventChecks,
  ...historyChecks,
  ...handoverChecks,
  ...partyChecks,
  ...tenantChecks,
];
