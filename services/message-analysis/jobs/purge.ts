import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import type { MessageDeps } from '../deps.ts';
import { purgeChats, purgeMessages } from '../store/purge.ts';
import type { MessageTables } from '../store/tables.ts';

const DAY_MS = 86_400_000;
const PURGE_BATCH_SIZE = 500;

/** Starts the loop that removes finalized messages and closed chats older than the retention; undefined when everything is kept. */
export function startMessagePurge(deps: MessageDeps): Loop | undefined {
  const { retentionDays, cleanupIntervalSeconds } = deps.config;
  if (retentionDays === 0) return undefined;
  return startLeaderLoop(deps.db, 'messages-remove', {
    name: 'messages-remove',
    intervalMs: cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: async () => {
      const before = deps.clock.now() - retentionDays * DAY_MS;
      const db = deps.db.autocommit<MessageTables>();
      const removed = [
        await purgeMessages(db, before, PURGE_BATCH_SIZE),
        await purgeChats(db, before, PURGE_BATCH_SIZE),
      ];
      return removed.includes(PURGE_BATCH_SIZE);
    },
  });
}
