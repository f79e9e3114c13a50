import type { JsonObject } from '@bufbuild/protobuf';
import type { LRUCache } from 'lru-cache';
import type { MessageDeps } from '../deps.ts';
import type { BotEngines } from '../engines/bot-engines.ts';
import type { ChatKey } from '../store/chats.ts';
import type { BegunTurn } from './begun-turn.ts';
import type { LocalTurn } from './local-turn.ts';

/** The turns that this process runs. */
export interface Turns {
  /** Runs a turn that was stored. */
  start(begun: BegunTurn): void;
  /** The turn of a session that this process runs. */
  find(key: ChatKey): LocalTurn | undefined;
  /** Stops a turn, if this process runs it. */
  stop(key: ChatKey, turnId: string): void;
}

/** What chats need besides what every part of message-analysis needs. */
export interface ChatDeps extends MessageDeps {
  readonly bots: BotEngines;
  readonly turns: Turns;
  /** The parameters of the last message of a session, by tenant and session. Only in this process: an engine can do without. */
  readonly chatParameters: LRUCache<string, JsonObject>;
}
