import type { ServiceImpl } from '@connectrpc/connect';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import type { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { countMessages, lastMessages } from '../store/session-messages.ts';
import type { MessageTables } from '../store/tables.ts';

/** The number of a session's messages and the last of them, for the other services. */
export const getSessionMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['getSessionMessages'] =>
  async ({ sessionId, limit }) => {
    const tenant = currentTenant();
    const db = deps.db.autocommit<MessageTables>();
    // the sequence number first: the messages that are read after it are at least as new
    const sourceSeq = await deps.outbox.lastSequence(db, tenant, Source.MESSAGE_ANALYSIS, sessionId);
    const [messageCount, last] = await Promise.all([
      countMessages(db, tenant, sessionId),
      limit === 0 ? [] : lastMessages(db, tenant, sessionId, limit),
    ]);
    return { messageCount, messages: last.map(({ message }) => message), sourceSeq };
  };
