import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type { SendChatMessageRequest, StreamChatRequest } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import { messageControlName } from '../domain/enum-names.ts';
import type { ChatDeps } from './chat-deps.ts';
import { type StoredUserMessage, storeUserMessage } from './store-user-message.ts';

const MAX_PARAMETERS_BYTES = 16_384;
/** How much longer than its engine may take an answer is waited for. */
const ANSWER_MARGIN_MS = 5_000;

/** A stored message of a chat's user, and its session. */
export interface AcceptedMessage {
  readonly session: Session;
  readonly message: StoredUserMessage;
}

/** Opens the session of a chat request and stores its message. An escalation that it has caused is the caller's to carry out. */
export async function acceptMessage(
  deps: ChatDeps,
  request: SendChatMessageRequest | StreamChatRequest,
): Promise<AcceptedMessage> {
  const { parameters } = request;
  const opened = await openForRequest(deps, request);
  if (parameters) deps.chatParameters.set(`${currentTenant()} ${opened.sessionId}`, parameters);
  const message = await storeUserMessage(deps, opened, {
    messageId: messageIdOf(deps, request),
    content: request.message,
    userId: opened.userId || request.userId,
    botId: botOf(deps, request.botId),
  });
  return { session: opened, message };
}

/** Opens the session of a chat request. Throws INVALID_ARGUMENT for a bot that is not configured. */
export function openForRequest(deps: ChatDeps, request: SendChatMessageRequest | StreamChatRequest): Promise<Session> {
  const { parameters, userId: sessionName } = request;
  if (parameters && Buffer.byteLength(JSON.stringify(parameters)) > MAX_PARAMETERS_BYTES)
    throw appError(ErrorReason.TOO_LARGE, 'parameters is larger than 16 KiB', {
      field: 'parameters',
      limit: MAX_PARAMETERS_BYTES,
    });
  const botId = botOf(deps, request.botId);
  return openChat(deps, { sessionName, userId: sessionName, botId, vip: parameters?.vip === true });
}

function botOf(deps: ChatDeps, botId: string): string {
  const bot = deps.bots.get(botId)?.bot;
  if (!bot) throw appError(ErrorReason.INVALID_ARGUMENT, 'no such bot is configured', { field: 'bot_id' });
  return bot.id;
}

/** Opens the chat session of a name: the open one, or a new one. */
export async function openChat(
  deps: ChatDeps,
  chat: { sessionName: string; userId: string; botId: string; vip: boolean },
): Promise<Session> {
  const { session } = await deps.sessions.openChatSession(chat);
  if (!session) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the session service opened no session');
  return session;
}

/** Aborts when the caller leaves, and when the answer takes longer than the bot's engine may, and 5 seconds. */
export function answerSignal(deps: ChatDeps, botId: string): AbortSignal {
  const limitMs = (deps.bots.get(botId)?.bot.timeoutSeconds ?? 60) * 1_000 + ANSWER_MARGIN_MS;
  const tooLate = AbortSignal.timeout(limitMs);
  const caller = currentContext().signal;
  const passed = new AbortController();
  tooLate.addEventListener('abort', () =>
    passed.abort(appError(ErrorReason.DEADLINE_EXCEEDED, 'the bot has not answered in time; the message is stored')),
  );
  return caller ? AbortSignal.any([caller, passed.signal]) : passed.signal;
}

/** The caller's id of a message, by whichever name it came; a new one without. Throws when two names have different ids. */
export function messageIdOf(
  { ids }: Pick<ChatDeps, 'ids'>,
  { clientMessageId, idempotencyKey }: { readonly clientMessageId: string; readonly idempotencyKey: string },
): string {
  if (clientMessageId && idempotencyKey && clientMessageId !== idempotencyKey)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'client_message_id and the idempotency key are different', {
      field: 'client_message_id',
    });
  return clientMessageId || idempotencyKey || ids.next('msg');
}

/** The error that a stored message gets which the bot does not answer. */
export function refusalOf(
  sessionId: string,
  messageId: string,
  { control, paused }: { readonly control: Control; readonly paused: boolean },
) {
  const status = messageControlName(control);
  const data = { session_id: sessionId, status, stored: true, message_id: messageId };
  if (paused && control === Control.BOT_ACTIVE) return appError(ErrorReason.PAUSED, 'the session is paused', data);
  return appError(ErrorReason.SESSION_IN_MANUAL_MODE, status, data);
}
