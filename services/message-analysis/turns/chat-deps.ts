import type { JsonObject } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import type { MessageDeps } from '../deps.ts';
import type { BotEngines } from '../engines/bot-engines.ts';
import { TurnRunner } from './turn-runner.ts';

/** The parameters of so many sessions are kept. */
const MAX_PARAMETERS = 10_000;

/** What chats need besides what every part of message-analysis needs. */
export interface ChatDeps extends MessageDeps {
  readonly bots: BotEngines;
  readonly turns: TurnRunner;
  /** The parameters of the last message of a session, by tenant and session. Only in this process: an engine can do without. */
  readonly chatParameters: LRUCache<string, JsonObject>;
}

/** Adds what chats need; the caller disposes `turns`. */
export function createChatDeps(deps: MessageDeps, bots: BotEngines): ChatDeps {
  const chatDeps: ChatDeps = {
    ...deps,
    bots,
    turns: new TurnRunner(() => chatDeps),
    chatParameters: new LRUCache({ max: MAX_PARAMETERS }),
  };
  return chatDeps;
}
