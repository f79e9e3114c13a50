import type { BotMessage } from './bot-message.ts';

/** The meaning of a response code. A message with a code that the vendor's table does not contain is retried without limit. */
export type ErrorClass =
  /** A temporary failure of the vendor. */
  | 'busy'
  /** Too many messages: nothing may be sent for a while. */
  | 'limited'
  /** The bot accepts no message: wrong key, signature or security settings, or the bot was removed. */
  | 'misconfigured'
  /** The bot does not accept this message. */
  | 'content';

/** The differences between vendors; chatBotChannel is the channel over it. */
export interface BotVendor {
  /** The shortest time between two messages of one bot, in milliseconds. */
  readonly intervalMs: number;
  /** The pause after a `limited` response that gives no time, in milliseconds. */
  readonly rateLimitPauseMs: number;
  /** Whether the message is within the vendor's size limit. */
  isWithinSizeLimit(message: object): boolean;
  /** The message in the vendor's format; mentions `mention`, by the vendor's ids. */
  buildMessage(message: BotMessage, mention: readonly string[]): object;
  /** The request for the message, signed when there is a secret. `now` in epoch milliseconds. */
  buildRequest(url: string, secret: string | undefined, message: object, now: number): { url: string; body: string };
  /** The result code of a response, 0 for success; undefined when it is not a response of the vendor. */
  resultCode(response: Record<string, unknown>): number | undefined;
  readonly errorClasses: Readonly<Record<number, ErrorClass>>;
}

export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

export function integerOrUndefined(value: unknown): number | undefined {
  return Number.isInteger(value) ? (value as number) : undefined;
}
