import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import { currentTenant } from '../lib/context.ts';
import type { Executor } from '../lib/db/database.ts';
import type { EventHandler, RunningModule } from '../lib/module.ts';
import type { MessageDeps } from './deps.ts';
import { sessionKnown } from './store/conversation.ts';
import { keepSession } from './store/session-news.ts';
import type { MessageTables } from './store/tables.ts';

/** Keeps on every conversation which session it has: batches without news are answered from there. */
export function consumers(deps: MessageDeps): NonNullable<RunningModule['consumes']> {
  const keep = async (session: Session | undefined) => {
    if (!session?.accountKey || !session.shopKey) return;
    const tenant = currentTenant();
    const write = (tx: Executor<MessageTables>) => keepSession(tx, tenant, session, sessionKnown(session));
    await deps.db.transaction('session-news', write, { group: 'session-news' });
  };
  const onSession: EventHandler = async ({ payload }) => {
    if (payload.case === 'sessionCreated' || payload.case === 'sessionChanged') await keep(payload.value.session);
  };
  return { sessionCreated: onSession, sessionChanged: onSession };
}
