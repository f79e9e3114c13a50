import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import type { CommandContext } from './commands.ts';
import { createSessionRecord } from './create-session-record.ts';
import { expiresAt, type SessionRecord } from './session.ts';
import type { OpenedSession } from './session-events.ts';
import { shouldTouch } from './timers.ts';

/** A chat session as a client asks for it. */
export interface ChatRequest {
  readonly sessionName: string;
  /** Empty for the name. */
  readonly userId: string;
  /** Empty for none. */
  readonly botId: string;
  readonly vip: boolean;
}

/** A new chat session. */
export function openChat(
  { sessionName, userId, botId, vip }: ChatRequest,
  { sessionId, ttlSeconds }: { readonly sessionId: string; readonly ttlSeconds: number },
  { now, actor }: CommandContext,
): OpenedSession {
  const session = createSessionRecord(
    'open_chat',
    {
      sessionId,
      sessionName,
      taskType: TaskType.UNSPECIFIED,
      externalTaskId: '',
      firstTaskId: '',
      createHash: '',
      platform: '',
      accountKey: '',
      shopKey: '',
      accountId: '',
      shopId: '',
      shopName: '',
      maxInactiveMinutes: 0,
      vip,
      chat: { userId: userId || sessionName, botId, ttlSeconds },
    },
    now,
  );
  return { session, actor, unattendedMessage: false };
}

/** Whether the time of a chat session has run out, although the sweep has not closed it yet. */
export function isExpired(session: SessionRecord, now: number): boolean {
  return (expiresAt(session) ?? Infinity) <= now;
}

/**
 * An open chat session after another request for it: it has been active, and gets the bot and the VIP flag that it has not had.
 * Undefined when nothing is to be stored.
 */
export function touchChat(session: SessionRecord, { botId, vip }: ChatRequest, now: number): SessionRecord | undefined {
  if (!session.chat) return undefined;
  const getsBot = session.chat.botId === '' && botId !== '';
  const getsVip = vip && !session.vip;
  if (!getsBot && !getsVip && !shouldTouch(session, now)) return undefined;
  const chat = getsBot ? { ...session.chat, botId } : session.chat;
  return { ...session, chat, vip: session.vip || vip, lastActivity: now };
}
