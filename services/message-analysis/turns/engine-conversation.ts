import type { ChatSession } from '../domain/chat-session.ts';
import type { BotEngine } from '../engines/bot-engine.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';

/** The engine's conversation for a session: the stored one, else a new one, which is stored. Empty for an engine that keeps none. */
export async function ensureConversation(
  deps: ChatDeps,
  chat: ChatSession,
  engine: BotEngine,
  signal: AbortSignal,
): Promise<string> {
  if (!engine.needsConversation || chat.conversationId !== '') return chat.conversationId;
  const { sessionId, sessionName } = chat;
  const begun = await engine.startConversation({ sessionId, sessionName, userId: sessionName }, signal);
  return storeConversation(deps, sessionId, begun, { replace: false });
}

/** Stores the engine's conversation for a session, and returns the one that is stored then. */
export function storeConversation(
  deps: ChatDeps,
  sessionId: string,
  conversationId: string,
  { replace }: { readonly replace: boolean },
): Promise<string> {
  return ChatUnitOfWork.run(deps, sessionId, 'store-conversation', (unit) => {
    const { chat } = unit;
    if (!chat || (chat.conversationId !== '' && !replace)) return chat?.conversationId ?? '';
    unit.setChat({ ...chat, conversationId });
    return conversationId;
  });
}
