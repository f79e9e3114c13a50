/** Times of messages are from the chat window's clock, times of receipts from the server's; they may differ by this much. */
export const MAX_WINDOW_SKEW_MS = 60_000;

/** A message that the bot may have sent. Times are epoch milliseconds. */
export interface ObservedMessage {
  readonly messageId: string;
  /** Equal for contents that look the same. */
  readonly foldedHash: string;
  /** The hash of the content on receipts of earlier releases. */
  readonly contentHash: string;
  /** When it was sent; undefined when that is not known. */
  readonly sentAt?: number;
  /** When it was first stored. */
  readonly storedAt: number;
}

/** One fetch of a task's content. */
export interface Receipt {
  readonly taskId: string;
  readonly sessionId: string;
  readonly fence: number;
  readonly foldedHash: string;
  readonly fetchedAt: number;
  /** The message that it is matched to; empty while unmatched. */
  readonly matchedMessageId: string;
  /** The agent's message that the task sends; empty for a bot's task. */
  readonly agentMessageId: string;
}

/** A message and the receipt that explains it. */
export interface Match<M extends ObservedMessage = ObservedMessage, R extends Receipt = Receipt> {
  readonly message: M;
  readonly receipt: R;
  /** Whether the match was stored before. */
  readonly alreadyLinked: boolean;
}

/** Whether the message can be the content of the receipt, by text and time. */
export function canExplain(receipt: Receipt, message: ObservedMessage): boolean {
  return receipt.foldedHash === message.foldedHash && receipt.fetchedAt <= latestFetch(message);
}

/**
 * Matches messages to receipts one to one. Stored matches stay; of the others as many as possible are matched, each near in time.
 * A receipt can explain a message iff it was fetched before a time that depends on the message alone. So the candidate sets of
 * the messages are nested: a greedy choice from the smallest set up matches the most, and pairing the chosen ones in order of
 * time keeps every pair possible.
 */
export function matchMessages<M extends ObservedMessage, R extends Receipt>(
  messages: readonly M[],
  receipts: readonly R[],
): Match<M, R>[] {
  const receiptByMessage = new Map(receipts.filter((r) => r.matchedMessageId).map((r) => [r.matchedMessageId, r]));
  const linked = messages.flatMap((message): Match<M, R>[] => {
    const receipt = receiptByMessage.get(message.messageId);
    return receipt ? [{ message, receipt, alreadyLinked: true }] : [];
  });
  const unmatched = messages.filter((message) => !receiptByMessage.has(message.messageId));
  const free = receipts.filter((receipt) => !receipt.matchedMessageId);
  const hashes = new Set(unmatched.map((message) => message.foldedHash));
  const found = [...hashes].flatMap((hash) =>
    matchEqual(
      unmatched.filter((message) => message.foldedHash === hash),
      free.filter((receipt) => receipt.foldedHash === hash),
    ),
  );
  return [...linked, ...found];
}

/** Matches unmatched messages and receipts of one content. */
function matchEqual<M extends ObservedMessage, R extends Receipt>(
  messages: readonly M[],
  receipts: readonly R[],
): Match<M, R>[] {
  const free = receipts.toSorted(byFetch);
  const matched: M[] = [];
  const chosen: R[] = [];
  for (const message of messages.toSorted(byLatestFetch)) {
    const nearest = nearestTo(message, free);
    if (!nearest) continue;
    free.splice(free.indexOf(nearest), 1);
    matched.push(message);
    chosen.push(nearest);
  }
  const inOrder = chosen.sort(byFetch);
  return matched.map((message, index): Match<M, R> => ({ message, receipt: inOrder[index]!, alreadyLinked: false }));
}

/** The nearest in time of the receipts that can explain the message; of two equally near ones the older one. */
function nearestTo<R extends Receipt>(message: ObservedMessage, receipts: readonly R[]): R | undefined {
  const at = message.sentAt ?? message.storedAt;
  const distance = (receipt: Receipt) => Math.abs(receipt.fetchedAt - at);
  let nearest: R | undefined;
  for (const receipt of receipts)
    if (canExplain(receipt, message) && (!nearest || distance(receipt) < distance(nearest))) nearest = receipt;
  return nearest;
}

/** The latest fetch that can have led to the message: it was stored after the fetch, and sent at most the skew before it. */
function latestFetch(message: ObservedMessage): number {
  return Math.min(message.storedAt, (message.sentAt ?? message.storedAt) + MAX_WINDOW_SKEW_MS);
}

function byLatestFetch(a: ObservedMessage, b: ObservedMessage): number {
  return (
    latestFetch(a) - latestFetch(b) ||
    (a.sentAt ?? a.storedAt) - (b.sentAt ?? b.storedAt) ||
    byText(a.messageId, b.messageId)
  );
}

function byFetch(a: Receipt, b: Receipt): number {
  return a.fetchedAt - b.fetchedAt || byText(a.taskId, b.taskId) || a.fence - b.fence;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The period of which a batch contains all messages. */
export interface CoveredPeriod {
  readonly oldestAt?: number;
  readonly newestAt?: number;
}

/** Whether a batch without the task's content proves that it was not sent: it covers the time from fetch to lease expiry. */
export function provesUnsent(window: CoveredPeriod, task: { fetchedAt?: number; leaseExpiresAt?: number }): boolean {
  if (window.oldestAt === undefined || window.newestAt === undefined) return false;
  if (task.fetchedAt === undefined || task.leaseExpiresAt === undefined) return false;
  return (
    window.oldestAt <= task.fetchedAt - MAX_WINDOW_SKEW_MS &&
    window.newestAt >= task.leaseExpiresAt + MAX_WINDOW_SKEW_MS
  );
}
