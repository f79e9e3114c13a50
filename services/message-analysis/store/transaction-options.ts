import type { TransactionOptions } from '../../lib/db/database.ts';

/** A larger transaction would delay the others in its group too long. */
const MAX_GROUPED_MESSAGES = 16;

/** The options for a transaction that writes this many messages: a small one is committed in a group with others. */
export function transactionOptionsFor(messages: number): TransactionOptions {
  return messages > MAX_GROUPED_MESSAGES ? {} : { group: 'messages' };
}
