import type { BotScript } from '../../lib/config/config.ts';
import { sleep } from '../../lib/runtime/sleep.ts';
import { foldText } from '../../lib/text/fold-text.ts';
import { type BotEngine, BotEngineError, type BotRequest } from './bot-engine.ts';

/** A bot that answers by a script: the first rule of which the message contains a text, else the fallback. */
export class ScriptedEngine implements BotEngine {
  readonly needsConversation = false;
  readonly #script: BotScript;

  constructor(script: BotScript) {
    this.#script = script;
  }

  async *reply({ messages }: BotRequest, signal: AbortSignal): AsyncGenerator<string> {
    const { rules, fallback, delayMs, partLength } = this.#script;
    const asked = foldText(messages.findLast(({ role }) => role === 'user')?.content ?? '').toLowerCase();
    const rule = rules.find(({ contains }) => contains.some((text) => asked.includes(foldText(text).toLowerCase())));
    const answer = [...(rule?.reply ?? fallback)];
    if (rule?.fails) throw new BotEngineError('unavailable', 'the script says that this message fails');
    for (let at = 0; at < answer.length && !signal.aborted; at += partLength) {
      await sleep(delayMs, signal);
      if (!signal.aborted) yield answer.slice(at, at + partLength).join('');
    }
  }

  /** A script remembers nothing. */
  startConversation(): Promise<string> {
    return Promise.resolve('');
  }
}
