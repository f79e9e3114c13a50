import type { TransactionOptions } from '../../lib/db/database.ts';

/** A transaction of more messages keeps too many waiting who would share it. */
const FEW = 16;

/** How a transaction that writes so many messages runs: a small one shares it with others. */
export function groupFor(messages: number): TransactionOptions {
  return messages > FEW ? {} : { group: 'messages' };
}
