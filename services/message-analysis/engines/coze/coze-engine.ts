import type { CozeBotConfig } from '../../../lib/config/config.ts';
import { type BotEngine, BotEngineError, type BotRequest, type BotSession } from '../bot-engine.ts';
import { parseObject, postToEngine, readFrames, readJson } from '../engine-http.ts';
import { CozeTokens } from './coze-tokens.ts';

/** A bot on Coze, or a chat workflow there. Coze keeps the conversation; its history is not sent again. */
export class CozeEngine implements BotEngine {
  readonly needsConversation = true;
  readonly #bot: CozeBotConfig;
  readonly #tokens: CozeTokens;

  constructor(bot: CozeBotConfig) {
    this.#bot = bot;
    this.#tokens = new CozeTokens(bot);
  }

  async *reply(request: BotRequest, signal: AbortSignal): AsyncGenerator<string> {
    const { path, body } = this.#bot.workflowId ? this.#workflowChat(request) : this.#chat(request);
    const response = await this.#post(path, body, request, signal);
    let hasText = false;
    for await (const { event, data } of readFrames(response, signal)) {
      if (event === 'done' || event === 'conversation.chat.completed') return;
      if (event === 'error' || event === 'conversation.chat.failed')
        throw new BotEngineError('unavailable', `Coze reported ${event}`);
      if (event !== 'conversation.message.delta' && event !== 'conversation.message.completed') continue;
      const { type, content } = parseObject(data);
      if (type !== 'answer' || typeof content !== 'string' || content === '') continue;
      // a completed message repeats its deltas; workflows may send it without any
      if (event === 'conversation.message.completed' && hasText) continue;
      hasText = true;
      yield content;
    }
    throw new BotEngineError('unavailable', 'the stream ended before the answer was complete');
  }

  async startConversation(session: BotSession, signal: AbortSignal): Promise<string> {
    const { botId } = this.#bot;
    const response = await this.#post('/v1/conversation/create', botId ? { bot_id: botId } : {}, session, signal);
    const { data } = assertSuccess(await readJson(response));
    const id = (data as { id?: unknown } | undefined)?.id;
    if (typeof id !== 'string' || id === '') throw new BotEngineError('invalid_response', 'Coze named no conversation');
    return id;
  }

  #chat({ conversationId, userId, messages, parameters }: BotRequest) {
    const path = `/v3/chat?conversation_id=${encodeURIComponent(conversationId)}`;
    const asked = { user_id: userId, stream: true, auto_save_history: true, additional_messages: unanswered(messages) };
    return { path, body: { bot_id: this.#bot.botId, ...asked, parameters } };
  }

  #workflowChat({ conversationId, messages, parameters }: BotRequest) {
    const { workflowId, appId, botId } = this.#bot;
    const target = { workflow_id: workflowId, ...(appId ? { app_id: appId } : { bot_id: botId }) };
    const asked = { conversation_id: conversationId, additional_messages: unanswered(messages), parameters };
    return { path: '/v1/workflows/chat', body: { ...target, ...asked } };
  }

  async #post(path: string, body: unknown, session: BotSession, signal: AbortSignal): Promise<Response> {
    const token = await this.#tokens.tokenFor(session.sessionName, signal);
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream, application/json' };
    try {
      const response = await postToEngine({ url: `${this.#bot.url}${path}`, headers, body }, signal);
      // Coze reports many errors as JSON with status 200
      const type = response.headers.get('content-type') ?? '';
      if (path.startsWith('/v1/conversation') || !type.startsWith('application/json')) return response;
      assertSuccess(await readJson(response));
      throw new BotEngineError('invalid_response', 'Coze answered no stream');
    } catch (error) {
      if (error instanceof BotEngineError && error.failure === 'rejected') this.#tokens.forget(session.sessionName);
      throw error;
    }
  }
}

/** The user messages behind the last answer: Coze has the ones before. */
function unanswered(messages: BotRequest['messages']) {
  const last = messages.findLastIndex(({ role }) => role !== 'user');
  return messages.slice(last + 1).map(({ content }) => ({ role: 'user', content, content_type: 'text' }));
}

/** Throws when Coze reports an error in its answer. */
function assertSuccess(answer: Record<string, unknown>): Record<string, unknown> {
  const { code } = answer;
  if (code === 0) return answer;
  // 4013 is its rate limit; 5000 and above are failures of its own
  const failure =
    code === 4013 ? 'rate_limited' : Number(code) >= 5_000 || code === undefined ? 'unavailable' : 'rejected';
  throw new BotEngineError(failure, `Coze answered with code ${Number(code)}`);
}
