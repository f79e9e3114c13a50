import type { JsonObject } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import type { MessageDeps } from '../deps.ts';
import { defaultRuleSets } from '../domain/rules/default-rule-sets.ts';
import type { RuleSetKind } from '../domain/rules/rule-set.ts';
import type { BotEngines } from '../engines/bot-engines.ts';
import type { ChatDeps } from './chat-deps.ts';
import { TurnRunner } from './turn-runner.ts';

/** The parameters of so many sessions are kept. */
const MAX_PARAMETERS = 10_000;

/** Adds what chats need; the caller disposes the runner. */
export function createChatDeps(deps: MessageDeps, bots: BotEngines): ChatDeps & { readonly turns: TurnRunner } {
  const turns = new TurnRunner(() => chatDeps);
  const ruleSets = {
    current: (_tenant: string, kind: RuleSetKind) => ({ version: 0, ruleSet: defaultRuleSets[kind] }),
  };
  const chatDeps = {
    ...deps,
    bots,
    turns,
    ruleSets,
    chatParameters: new LRUCache<string, JsonObject>({ max: MAX_PARAMETERS }),
  };
  return chatDeps;
}
