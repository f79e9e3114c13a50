import type { ServiceImpl } from '@connectrpc/connect';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { HandoverDeps } from '../deps.ts';
import { newestHandover } from '../store/handovers.ts';
import type { HandoverTables } from '../store/tables.ts';

export const getSessionHandover =
  ({ db, outbox }: HandoverDeps): ServiceImpl<typeof HandoverService>['getSessionHandover'] =>
  async ({ sessionId }) => {
    // The sequence number first: a reader skips events up to it, so the handover must be at least as new.
    const sourceSeq = await outbox.lastSequence(db.autocommit(), currentTenant(), Source.HANDOVER, sessionId);
    const handover = await newestHandover(db.autocommit<HandoverTables>(), sessionId);
    return { handover, sourceSeq };
  };
