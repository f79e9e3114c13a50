import type { ServiceImpl } from '@connectrpc/connect';
import type { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { currentTenant, throwIfAborted } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { searchSessions as search } from '../store/message-search.ts';
import type { MessageTables } from '../store/tables.ts';

const MAX_SEARCH_MS = 2_000;

/** The sessions of which a message contains the keyword. */
export const searchSessions =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['searchSessions'] =>
  async ({ keyword }) => {
    const end = deps.clock.monotonic() + MAX_SEARCH_MS;
    const isOver = () => {
      throwIfAborted();
      return deps.clock.monotonic() > end;
    };
    return search(deps.db.autocommit<MessageTables>(), currentTenant(), keyword, isOver);
  };
