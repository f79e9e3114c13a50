/** A message's time, as far as it could be read. */
export interface Timed {
  readonly sentAt?: number;
  readonly timeUnusable: boolean;
}

/**
 * The times of messages in their order. A missing one is its neighbour's: the previous one's, else the next one's. One that
 * says nothing is the next one's, else unknown: windows show the time of today in another form than that of older
 * messages, whose time would make what was said just now a thing of the past.
 */
export function neighbourTimes(messages: readonly Timed[]): (number | undefined)[] {
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

/** A message of a window, for what the window proves. */
export interface Shown {
  readonly sentAt?: number;
  /** Whether it may be whatever the bot has sent: it is no text, or was recalled since, and not the shop's. */
  readonly maybeBot: boolean;
}

/**
 * From when to when the messages show all that the bot has sent: from the last that may be anything of the bot's, else from the
 * oldest, to the newest. Undefined when none has a time, or one that may be the bot's has none.
 */
export function windowOf(messages: readonly Shown[]): { oldest: number; newest: number } | undefined {
  const times = messages.flatMap(({ sentAt }) => sentAt ?? []);
  const doubtful = messages.filter(({ maybeBot }) => maybeBot);
  if (times.length === 0 || doubtful.some(({ sentAt }) => sentAt === undefined)) return undefined;
  const oldest = Math.max(Math.min(...times), ...doubtful.map(({ sentAt }) => sentAt ?? 0));
  return { oldest, newest: Math.max(...times) };
}
