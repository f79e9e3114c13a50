import type { JsonObject } from '@bufbuild/protobuf';

/** A message as an engine sees it. */
export interface BotMessage {
  readonly role: 'user' | 'assistant' | 'agent' | 'system';
  readonly content: string;
}

/** What a bot answers. */
export interface BotRequest {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly userId: string;
  /** The engine's conversation for the session; empty for an engine that keeps none. */
  readonly conversationId: string;
  /** The history, oldest first; the last ones are the user messages to answer. */
  readonly messages: readonly BotMessage[];
  readonly parameters: JsonObject;
}

/** A bot that answers a chat. */
export interface BotEngine {
  /** Whether it answers only within a conversation that it has begun: see startConversation(). */
  readonly needsConversation: boolean;
  /** Streams the reply in parts. Aborting the signal stops it at once. */
  reply(request: BotRequest, signal: AbortSignal): AsyncIterable<string>;
  /** Starts a new context for the session, and returns the engine's id for it; empty for an engine that keeps none. */
  startConversation(
    request: Pick<BotRequest, 'sessionId' | 'sessionName' | 'userId'>,
    signal: AbortSignal,
  ): Promise<string>;
}
