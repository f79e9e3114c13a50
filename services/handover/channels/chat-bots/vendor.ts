import type { BotMessage } from './bot-message.ts';

/** What an answer's code means for us. Codes that a vendor's table does not name are tried again for ever. */
export type ErrorClass =
  /** Passing, on the vendor's side. */
  | 'busy'
  /** Too many messages: the robot is to be left alone. */
  | 'limited'
  /** The robot does not take messages of ours: its key, its signature, its security settings, or it is gone. */
  | 'misconfigured'
  /** The robot does not take this message. */
  | 'content';

/** What the robots of one vendor differ in; the channel over it is robotChannel. */
export interface BotVendor {
  /** The shortest time between two messages of one robot, in milliseconds. */
  readonly intervalMs: number;
  /** How long to leave a robot alone that says `limited` and not how long, in milliseconds. */
  readonly rateLimitPauseMs: number;
  /** Whether the message is within the vendor's limit of size. */
  isWithinSizeLimit(message: object): boolean;
  /** The digest in the vendor's format; mentions `mention`, by the vendor's ids. */
  buildMessage(message: BotMessage, mention: readonly string[]): object;
  /** Where the message goes, and as what, signed when there is a secret. `now` in epoch milliseconds. */
  buildRequest(url: string, secret: string | undefined, message: object, now: number): { url: string; body: string };
  /** The code of an answer, 0 for a yes; undefined when it is not one of the vendor's answers. */
  resultCode(response: Record<string, unknown>): number | undefined;
  readonly errorClasses: Readonly<Record<number, ErrorClass>>;
}

/** The bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** The value if it is a whole number. */
export function integerOrUndefined(value: unknown): number | undefined {
  return Number.isInteger(value) ? (value as number) : undefined;
}
