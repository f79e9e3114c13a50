import type { BotConfig } from '../../lib/config/config.ts';
import type { BotEngine } from './bot-engine.ts';
import { CozeEngine } from './coze/coze-engine.ts';
import { limitEngine } from './limit-engine.ts';
import { OpenAiEngine } from './openai-engine.ts';
import { ScriptedEngine } from './scripted-engine.ts';

/** A configured bot and its engine. */
export interface ConfiguredBot {
  readonly bot: BotConfig;
  readonly engine: BotEngine;
}

/** The configured bots. */
export interface BotEngines {
  /** A bot by its id; the first one for an empty id. Undefined when it is not configured. */
  get(botId: string): ConfiguredBot | undefined;
}

/** The engines of the configured bots. */
export function createBotEngines(bots: readonly BotConfig[]): BotEngines {
  const configured = new Map(bots.map((bot) => [bot.id, { bot, engine: limitEngine(engineOf(bot), bot) }]));
  const [first] = configured.values();
  return { get: (botId) => (botId === '' ? first : configured.get(botId)) };
}

function engineOf(bot: BotConfig): BotEngine {
  switch (bot.engine) {
    case 'scripted':
      return new ScriptedEngine(bot.script);
    case 'openai':
      return new OpenAiEngine(bot);
    case 'coze':
      return new CozeEngine(bot);
  }
}
