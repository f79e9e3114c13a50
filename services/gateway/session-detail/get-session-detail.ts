import type { ServiceImpl } from '@connectrpc/connect';
import type { SessionDetailService } from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import type { AuditEntry } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { Logger } from '../../lib/observability/logger.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { findSession } from '../events/session-snapshot.ts';
import { sessionDetail } from './session-detail.ts';

const DEFAULT_HISTORY = 20;
const MAX_AUDIT_ENTRIES = 100;
/** The answer does not wait longer for the audit, which is not needed to talk to the user. */
const AUDIT_TIMEOUT_MS = 2_000;

interface DetailDeps {
  readonly clients: ServiceClients;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A session with its last messages and its audit. The messages are read after the session's fence is confirmed. */
export const getSessionDetail =
  (deps: DetailDeps): ServiceImpl<typeof SessionDetailService>['getSessionDetail'] =>
  async ({ session: reference, history }) => {
    const session = await findSession(deps.clients, reference);
    const { sessionId } = session;
    const [{ messages }, auditTrail] = await Promise.all([
      deps.clients.get(MessageService).getSessionMessages({ sessionId, limit: history || DEFAULT_HISTORY }),
      auditOf(deps, sessionId),
    ]);
    return {
      session: sessionDetail(session, messages, deps.clock.now()),
      auditTrail: auditTrail ?? [],
      auditUnavailable: !auditTrail,
    };
  };

/** The last entries of a session's audit, oldest first; undefined while handover does not answer. */
async function auditOf({ clients, logger }: DetailDeps, sessionId: string): Promise<AuditEntry[] | undefined> {
  try {
    const request = { sessionId, pageSize: MAX_AUDIT_ENTRIES, newestFirst: true };
    const { entries } = await clients.get(HandoverService).listAuditEntries(request, { timeoutMs: AUDIT_TIMEOUT_MS });
    return entries.reverse();
  } catch (error) {
    const line = { event: 'audit_unavailable', session_id: sessionId, err: error };
    logger[failureLogLevel(error)](line, 'a session is shown without its audit');
    return undefined;
  }
}
