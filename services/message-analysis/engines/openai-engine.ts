import type { OpenAiBotConfig } from '../../lib/config/config.ts';
import { type BotEngine, BotEngineError, type BotRequest, type EngineMessage } from './bot-engine.ts';
import { parseObject, postToEngine, readFrames } from './engine-http.ts';

/** Any server with OpenAI's chat completions, which streams its answers. */
export class OpenAiEngine implements BotEngine {
  readonly needsConversation = false;
  readonly #bot: OpenAiBotConfig;

  constructor(bot: OpenAiBotConfig) {
    this.#bot = bot;
  }

  async *reply({ messages }: BotRequest, signal: AbortSignal): AsyncGenerator<string> {
    const { url, key, model, systemPrompt } = this.#bot;
    const system = systemPrompt ? [{ role: 'system', content: systemPrompt }] : [];
    const response = await postToEngine(
      {
        url,
        headers: { accept: 'text/event-stream', ...(key && { authorization: `Bearer ${key}` }) },
        body: { model, stream: true, messages: [...system, ...messages.map(toOpenAi)] },
      },
      signal,
    );
    let isComplete = false;
    for await (const { data } of readFrames(response, signal)) {
      if (data === '[DONE]') {
        isComplete = true;
        break;
      }
      const chunk = parseObject(data) as Chunk;
      if (chunk.error) throw new BotEngineError('unavailable', 'the engine reported an error in its stream');
      const [choice] = Array.isArray(chunk.choices) ? chunk.choices : [];
      if (typeof choice?.delta?.content === 'string' && choice.delta.content !== '') yield choice.delta.content;
      if (choice?.finish_reason) isComplete = true; // some servers send no [DONE]
    }
    if (!isComplete) throw new BotEngineError('unavailable', 'the stream ended before the answer was complete');
  }

  /** The history travels with every request. */
  startConversation(): Promise<string> {
    return Promise.resolve('');
  }
}

interface Chunk {
  readonly error?: unknown;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: unknown };
    readonly finish_reason?: string | null;
  }[];
}

/** The model knows no agents: what one wrote is an answer that the model did not give. */
function toOpenAi({ role, content }: EngineMessage): { role: string; content: string } {
  return role === 'agent' ? { role: 'assistant', content: `（人工客服）${content}` } : { role, content };
}
