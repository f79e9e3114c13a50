import type { BotEngine, BotRequest } from '../../../services/message-analysis/engines/bot-engine.ts';

/** One reply that a test gives, word by word. */
export interface ControlledReply {
  readonly request: BotRequest;
  readonly signal: AbortSignal;
  say(text: string): void;
  end(): void;
  fail(error?: Error): void;
}

/** A bot whose replies a test gives by hand. */
export class ControlledEngine implements BotEngine {
  readonly needsConversation = false;
  readonly #waiting: ControlledReply[] = [];
  readonly #takers: ((reply: ControlledReply) => void)[] = [];
  conversations = 0;

  /** The next reply that a process asks for. */
  nextReply(): Promise<ControlledReply> {
    const waiting = this.#waiting.shift();
    return waiting ? Promise.resolve(waiting) : new Promise((resolve) => this.#takers.push(resolve));
  }

  /** The replies that were asked for and not taken yet. */
  get pending(): number {
    return this.#waiting.length;
  }

  startConversation(): Promise<string> {
    this.conversations += 1;
    return Promise.resolve('');
  }

  async *reply(request: BotRequest, signal: AbortSignal): AsyncIterable<string> {
    const items: (string | Error | undefined)[] = [];
    let wake = () => {};
    const push = (item: string | Error | undefined) => {
      items.push(item);
      wake();
    };
    const reply: ControlledReply = {
      request,
      signal,
      say: push,
      end: () => push(undefined),
      fail: (error = new Error('the engine failed')) => push(error),
    };
    const taker = this.#takers.shift();
    if (taker) taker(reply);
    else this.#waiting.push(reply);
    signal.addEventListener('abort', () => wake(), { once: true });
    while (!signal.aborted) {
      const hasItem = items.length > 0;
      const item = items.shift();
      if (!hasItem) await new Promise<void>((resolve) => (wake = resolve));
      else if (typeof item === 'string') yield item;
      else if (item) throw item;
      else return;
    }
  }
}
