import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { EventHandler, RunningModule } from '../lib/runtime/module.ts';
import { currentTenant } from '../lib/runtime/request-context.ts';
import type { MessageDeps } from './deps.ts';
import { SessionUpdateBatcher } from './store/session-update-batcher.ts';

/** Keeps each conversation's newest session up to date; see KnownSession. */
export function messageEventHandlers(deps: MessageDeps): NonNullable<RunningModule['eventHandlers']> {
  const batcher = new SessionUpdateBatcher(deps.db);
  const updateConversation = async (session: Session | undefined) => {
    if (!session?.accountKey || !session.shopKey) return;
    await batcher.update(currentTenant(), session);
  };
  const onSession: EventHandler = async ({ payload }) => {
    if (payload.case === 'sessionCreated' || payload.case === 'sessionChanged')
      await updateConversation(payload.value.session);
  };
  return { sessionCreated: onSession, sessionChanged: onSession };
}
