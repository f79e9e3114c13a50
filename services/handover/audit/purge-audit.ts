import type { HandoverDeps } from '../deps.ts';
import type { SigningKey } from '../domain/audit-chain.ts';
import { chainedTenants, lastExpired, readHead, removeChained, saveHead } from '../store/audit-chain.ts';
import type { HandoverTables } from '../store/tables.ts';

const BATCH_SIZE = 500;
const DAY_MS = 86_400_000;

/** Removes a batch of each tenant's entries past their retention, from the chain's beginning. True when there is more. */
export async function purgeAudit(deps: HandoverDeps): Promise<boolean> {
  const { db, clock, config, auditKeys } = deps;
  const [key] = auditKeys;
  if (config.auditRetentionDays === 0 || !key) return false;
  const before = clock.now() - config.auditRetentionDays * DAY_MS;
  let hasMore = false;
  for (const tenant of await chainedTenants(db)) {
    const removed = await removeExpired(deps, key, tenant, before);
    if (removed > 0) deps.logger.info({ event: 'audit_removed', tenant, count: removed }, 'the audit was shortened');
    hasMore ||= removed === BATCH_SIZE;
  }
  return hasMore;
}

/** In one transaction with the anchor: the chain begins behind it from then on. */
function removeExpired({ db, auditKeys }: HandoverDeps, key: SigningKey, tenant: string, before: number) {
  return db.transaction<HandoverTables, number>('handover.purge-audit', async (tx) => {
    const head = await readHead(tx, auditKeys, tenant, { lock: true });
    // a head that is not to be trusted says nothing about what may be removed
    if (!head?.isValid) return 0;
    const last = await lastExpired(tx, head, before, BATCH_SIZE);
    if (!last) return 0;
    await saveHead(tx, key, { ...head, anchorSeq: last.seq, anchorMac: last.mac }, false);
    return removeChained(tx, tenant, last.seq);
  });
}
