import type { JsonObject } from '@bufbuild/protobuf';

/** A message as an engine sees it. */
export interface EngineMessage {
  readonly role: 'user' | 'assistant' | 'agent' | 'system';
  readonly content: string;
}

/** A session, as an engine knows it. */
export interface BotSession {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly userId: string;
}

/** What a bot answers. */
export interface BotRequest extends BotSession {
  /** The engine's conversation for the session; empty for an engine that keeps none. */
  readonly conversationId: string;
  /** The history, oldest first; the last ones are the user messages to answer. */
  readonly messages: readonly EngineMessage[];
  /** Free data of the message's caller. */
  readonly parameters: JsonObject;
}

/** A bot that answers a chat. */
export interface BotEngine {
  /** Whether it answers only within a conversation that it has begun: see startConversation(). */
  readonly needsConversation: boolean;
  /**
   * Streams the reply in parts; ends when it is complete. Aborting the signal stops it at once and closes its connection. Throws
   * BotEngineError.
   */
  reply(request: BotRequest, signal: AbortSignal): AsyncIterable<string>;
  /**
   * Starts a new context for the session, and returns the engine's id for it; empty for an engine that keeps none. Throws
   * BotEngineError.
   */
  startConversation(session: BotSession, signal: AbortSignal): Promise<string>;
}

/** How an engine failed. */
export type BotFailure =
  /** No connection, a broken one, or a status of the server's own failure. */
  | 'unavailable'
  /** The engine took longer than its timeout, or sent nothing for too long. */
  | 'timeout'
  | 'rate_limited'
  /** The engine refuses the request: a repeat would be refused too. */
  | 'rejected'
  /** What came is not the engine's protocol. */
  | 'invalid_response'
  /** The answer is longer than 64 KiB. */
  | 'too_long';

/** An engine's failure. Its message repeats neither contents nor keys. */
export class BotEngineError extends Error {
  readonly failure: BotFailure;
  /** How long the engine asks to wait before a repeat; undefined when it does not say. */
  readonly retryAfterMs?: number;

  constructor(
    failure: BotFailure,
    message: string,
    { retryAfterMs, cause }: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether a repeat may succeed. */
  get isRetryable(): boolean {
    return this.failure !== 'rejected' && this.failure !== 'too_long';
  }
}
