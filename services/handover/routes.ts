import type { ConnectRouter } from '@connectrpc/connect';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from './deps.ts';
import { acknowledgeReminder } from './rpc/acknowledge-reminder.ts';
import { getSessionHandover } from './rpc/get-session-handover.ts';
import { listAuditEntries } from './rpc/list-audit-entries.ts';
import { listHandovers } from './rpc/list-handovers.ts';
import { listReminders } from './rpc/list-reminders.ts';
import { verifyAudit } from './rpc/verify-audit.ts';

/** The service's RPCs. */
export const handoverRoutes = (deps: HandoverDeps) => (router: ConnectRouter) => {
  router.service(HandoverService, {
    listHandovers: listHandovers(deps),
    listReminders: listReminders(deps),
    acknowledgeReminder: acknowledgeReminder(deps),
    listAuditEntries: listAuditEntries(deps),
    verifyAudit: verifyAudit(deps),
    getSessionHandover: getSessionHandover(deps),
  });
};
