import type { BotEngine } from './bot-engine.ts';

/** The configured bots. */
export interface BotEngines {
  /** A bot by its id; the first one for an empty id. Undefined when it is not configured. */
  get(botId: string):
    | {
        readonly bot: { readonly id: string; readonly failureReply: string; readonly timeoutSeconds: number };
        readonly engine: BotEngine;
      }
    | undefined;
}
