import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { ChatSession } from '../domain/chat-session.ts';
import type { EngineMessage } from '../engines/bot-engine.ts';
import { lastChatMessages } from '../store/chat-messages.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ensureConversation } from './engine-conversation.ts';
import type { LocalTurn } from './local-turn.ts';

/** How many messages of the history an engine gets. */
const MAX_HISTORY = 40;

/** What came of asking the engine. */
export type EngineOutcome =
  | { readonly kind: 'answered' }
  /** The engine failed: the answer ends with the bot's sentence for failures. */
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'stopped' };

/** Asks the bot's engine to answer the messages of a turn, and adds what it says to the turn. */
export async function askEngine(deps: ChatDeps, local: LocalTurn, chat: ChatSession): Promise<EngineOutcome> {
  const configured = deps.bots.get(chat.botId);
  const failureReply = configured?.bot.failureReply ?? deps.bots.get('')?.bot.failureReply ?? '';
  try {
    if (!configured) throw new Error(`the bot ${chat.botId} is not configured`);
    const { engine } = configured;
    const rows = await lastChatMessages(deps.db.autocommit<MessageTables>(), local.key, MAX_HISTORY);
    const request = {
      sessionId: chat.sessionId,
      sessionName: chat.sessionName,
      userId: userOf(rows) || chat.sessionName,
      conversationId: await ensureConversation(deps, chat, engine, local.signal),
      messages: inOrderOfTalk(rows, local.answersSeq).map(toBotMessage),
      parameters: deps.chatParameters.get(`${chat.tenant} ${chat.sessionId}`) ?? {},
    };
    for await (const delta of engine.reply(request, local.signal)) local.append(delta);
    if (local.text === '' && !local.signal.aborted) throw new Error('the engine answered nothing');
    return local.signal.aborted ? { kind: 'stopped' } : { kind: 'answered' };
  } catch (error) {
    if (local.signal.aborted) return { kind: 'stopped' };
    local.append(local.text === '' ? failureReply : `\n${failureReply}`);
    return { kind: 'failed', error };
  }
}

/**
 * The messages up to the last user message that is to be answered. An answer stands behind the message that it answers, also
 * when the user has written others before it was stored.
 */
function inOrderOfTalk(rows: readonly MessageRow[], answersSeq: number): MessageRow[] {
  const place = (row: MessageRow) => (row.role === MessageRole.ASSISTANT ? row.answers_seq + 0.5 : row.seq);
  return rows
    .filter((row) => row.role !== MessageRole.USER || row.seq <= answersSeq)
    .toSorted((a, b) => place(a) - place(b) || a.seq - b.seq);
}

const roles: Partial<Record<MessageRole, EngineMessage['role']>> = {
  [MessageRole.USER]: 'user',
  [MessageRole.ASSISTANT]: 'assistant',
  [MessageRole.AGENT]: 'agent',
};

function toBotMessage({ role, content }: MessageRow): EngineMessage {
  return { role: roles[role as MessageRole] ?? 'system', content };
}

function userOf(rows: readonly MessageRow[]): string | undefined {
  return rows.findLast(({ role }) => role === MessageRole.USER)?.sender;
}
