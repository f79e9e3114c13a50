import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { EventHandler, RunningModule } from '../lib/runtime/module.ts';
import { currentTenant } from '../lib/runtime/request-context.ts';
import { followDelivery } from './agent-messages/follow-delivery.ts';
import { findChat } from './store/chats.ts';
import { SessionUpdateBatcher } from './store/session-update-batcher.ts';
import type { MessageTables } from './store/tables.ts';
import type { ChatDeps } from './turns/chat-deps.ts';
import { raiseChatFence } from './turns/raise-chat-fence.ts';
import { controlOf } from './turns/store-user-message.ts';

/**
 * Keeps each conversation's newest session, the fence of each chat, and the delivery of agents' messages up to date; see KnownSession,
 * ChatSession and MessageDelivery.
 */
export function messageEventHandlers(deps: ChatDeps): NonNullable<RunningModule['eventHandlers']> {
  const batcher = new SessionUpdateBatcher(deps.db);
  const updateConversation = async (session: Session | undefined) => {
    if (!session?.accountKey || !session.shopKey) return;
    await batcher.update(currentTenant(), session);
  };
  const onSession: EventHandler = async ({ payload }) => {
    if (payload.case !== 'sessionCreated' && payload.case !== 'sessionChanged') return;
    await updateConversation(payload.value.session);
    if (payload.case === 'sessionChanged' && payload.value.session) await raiseFenceIfLost(deps, payload.value.session);
  };
  return { sessionCreated: onSession, sessionChanged: onSession, taskChanged: followDelivery(deps) };
}

/** Raises the fence of a chat in case the call that does so was lost. */
async function raiseFenceIfLost(deps: ChatDeps, session: Session): Promise<void> {
  if (session.userId === '') return; // a session of an account and a shop has its fence in task-dispatch
  const { sessionId, ownerEpoch } = session;
  const { chat } = await findChat(deps.db.autocommit<MessageTables>(), { tenant: currentTenant(), sessionId });
  if (chat && chat.ownerEpoch >= ownerEpoch) return; // the call has raised it
  await raiseChatFence(deps, controlOf(session));
}
