import type { JsonObject } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import type { MessageDeps } from '../deps.ts';
import type { BotEngines } from '../engines/bot-engines.ts';
import type { ChatDeps } from './chat-deps.ts';
import { TurnRunner } from './turn-runner.ts';

/** The parameters of so many sessions are kept. */
const MAX_PARAMETERS = 10_000;

/** Adds what chats need; the caller disposes the runner. */
export function createChatDeps(deps: MessageDeps, bots: BotEngines): ChatDeps & { readonly turns: TurnRunner } {
  const turns = new TurnRunner(() => chatDeps);
  const chatDeps = {
    ...deps,
    bots,
    turns,

    chatParameters: new LRUCache<string, JsonObject>({ max: MAX_PARAMETERS }),
  };
  return chatDeps;
}
