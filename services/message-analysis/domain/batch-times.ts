import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { isRecall, isTextless } from './message-kind.ts';
import type { ParsedMessage } from './parse-batch.ts';
import type { SenderRole } from './sender-role.ts';

/** A message's time, if it could be parsed. */
export interface TimedMessage {
  readonly sentAt?: number;
  readonly timeUnusable: boolean;
}

/**
 * The times of messages in their order. A missing time is taken from the previous message, else from the next one. An
 * unreadable time is taken from the next message, else it is unknown: chat windows show the times of today in another format
 * than older ones, so the previous message's time could make a message of today look old.
 */
export function fillMissingTimes(messages: readonly TimedMessage[]): (number | undefined)[] {
  const next: (number | undefined)[] = [];
  for (let i = messages.length - 1, time: number | undefined; i >= 0; i--) {
    time = messages[i]?.sentAt ?? time;
    next[i] = time;
  }
  let last = next[0];
  return messages.map(({ sentAt, timeUnusable }, i) => {
    last = timeUnusable ? next[i] : (sentAt ?? last);
    return last;
  });
}

/** A range of times in epoch milliseconds, both included. */
export interface TimeRange {
  readonly oldest: number;
  readonly newest: number;
}

/** A message shown in a chat window, for deriving the time range that the window covers. */
export interface WindowMessage {
  readonly sentAt?: number;
  /** Whether it may be any message of the bot: it has no text, or was recalled since, and is not the shop's. */
  readonly maybeBot: boolean;
}

/**
 * The time range in which the messages show everything that the bot has sent: from the last message that may be any message
 * of the bot, else from the oldest, to the newest. Undefined when no message has a time, or such a message has none.
 */
export function coveredTimeRange(messages: readonly WindowMessage[]): TimeRange | undefined {
  const times = messages.flatMap(({ sentAt }) => sentAt ?? []);
  const ambiguous = messages.filter(({ maybeBot }) => maybeBot);
  if (times.length === 0 || ambiguous.some(({ sentAt }) => sentAt === undefined)) return undefined;
  const oldest = Math.max(Math.min(...times), ...ambiguous.map(({ sentAt }) => sentAt ?? 0));
  return { oldest, newest: Math.max(...times) };
}

/** The time range in which a parsed batch shows everything that the bot has sent; see coveredTimeRange. */
export function windowOf(
  messages: readonly ParsedMessage[],
  senderRoles: ReadonlyMap<string, SenderRole>,
): TimeRange | undefined {
  const isCertainlyShop = (nick: string) => {
    const sender = senderRoles.get(nick);
    return sender?.role === MessageRole.SHOP && !sender.unsure;
  };
  const maybeBot = (message: ParsedMessage) =>
    (isTextless(message) || isRecall(message)) && !isCertainlyShop(message.nick);
  return coveredTimeRange(messages.map((message) => ({ sentAt: message.sentAt, maybeBot: maybeBot(message) })));
}
