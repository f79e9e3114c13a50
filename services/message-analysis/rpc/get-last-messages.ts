import type { ServiceImpl } from '@connectrpc/connect';
import type { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { displayContent } from '../domain/message-kind.ts';
import { lastMessageOfEach } from '../store/last-messages.ts';
import type { MessageTables } from '../store/tables.ts';

const PREVIEW_CHARACTERS = 100;

/** The beginning of the last message of each session, as it is shown. */
export const getLastMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['getLastMessages'] =>
  async ({ sessionIds }) => {
    const db = deps.db.autocommit<MessageTables>();
    const last = await lastMessageOfEach(db, currentTenant(), [...new Set(sessionIds)], PREVIEW_CHARACTERS);
    return { lastMessages: last.map((each) => ({ sessionId: each.sessionId, preview: displayContent(each) })) };
  };
