import type { TransactionOptions } from '../../lib/db/database.ts';

/** A transaction of more messages keeps too many waiting who would share it. */
const MAX_GROUPED_MESSAGES = 16;

/** How a transaction that writes so many messages runs: a small one shares it with others. */
export function transactionOptionsFor(messages: number): TransactionOptions {
  return messages > MAX_GROUPED_MESSAGES ? {} : { group: 'messages' };
}
