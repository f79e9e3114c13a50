import type { Executor } from '../../lib/db/sql-backend.ts';
import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import type { HandoverDeps } from '../deps.ts';
import { type ChainedEntry, type ChainHead, signEntry } from '../domain/audit-chain.ts';
import {
  countUnchained,
  lastChained,
  MAX_UNCHAINED,
  nextUnchainedTenant,
  readHead,
  readUnchained,
  type StoredHead,
  saveChained,
  saveHead,
  toAuditContent,
} from '../store/audit-chain.ts';
import type { HandoverTables } from '../store/tables.ts';

const CHAIN_INTERVAL_MS = 2_000;
const BATCH_SIZE = 500;
const HEAD_LOG_INTERVAL_MS = 60_000;

/** Starts the loop that numbers and signs the entries of the audit; docs/audit.md describes the chain. Without a key it does nothing. */
export function startAuditChain(deps: HandoverDeps): Loop {
  if (deps.auditKeys.length === 0)
    deps.logger.warn(
      { event: 'audit_not_chained' },
      'the audit is recorded and not chained: set AUTOSESSION_ENCRYPTION_KEYS, so that a change of it can be found',
    );
  else deps.metrics.auditUnchained.measureBy(async () => [{ value: await countUnchained(deps.db, MAX_UNCHAINED) }]);
  const chain = new AuditChain(deps);
  return startLeaderLoop(deps.db, 'audit-chain', {
    name: 'audit-chain',
    intervalMs: CHAIN_INTERVAL_MS,
    logger: deps.logger,
    run: () => chain.run(),
  });
}

/** Extends the chains of all tenants. */
export class AuditChain {
  readonly #deps: HandoverDeps;
  /** When a tenant's head was logged last, by the monotonic clock. */
  readonly #loggedAt = new Map<string, number>();
  /** Heads that are to be logged once the interval has passed. */
  readonly #unlogged = new Map<string, ChainHead>();

  constructor(deps: HandoverDeps) {
    this.#deps = deps;
  }

  /** One round: a batch per tenant. True when there is more. */
  async run(): Promise<boolean> {
    if (this.#deps.auditKeys.length === 0) return false;
    let hasMore = false;
    for (let tenant = await this.#nextTenant(''); tenant !== undefined; tenant = await this.#nextTenant(tenant)) {
      const head = await this.#extend(tenant);
      if (!head) continue;
      this.#unlogged.set(tenant, head.head);
      hasMore ||= head.added === BATCH_SIZE;
    }
    this.#logHeads();
    return hasMore;
  }

  #nextTenant(after: string): Promise<string | undefined> {
    return nextUnchainedTenant(this.#deps.db, after);
  }

  /** Numbers and signs a batch of a tenant's entries; undefined when another process was first. */
  async #extend(tenant: string): Promise<{ head: ChainHead; added: number } | undefined> {
    const { db, auditKeys } = this.#deps;
    const [key] = auditKeys;
    if (!key) return undefined;
    try {
      return await db.transaction<HandoverTables, { head: ChainHead; added: number }>(
        'handover.chain-audit',
        async (tx) => {
          const stored = await readHead(tx, auditKeys, tenant, { lock: true });
          let head = await this.#extendableHead(tx, tenant, stored);
          const rows = await readUnchained(tx, db, tenant, BATCH_SIZE);
          for (const row of rows) {
            const place = { tenant, seq: head.seq + 1, previous: head.mac };
            const content = toAuditContent(row);
            const entry: ChainedEntry = { place, content, mac: signEntry(key, place, content), keyId: key.id };
            if (!(await saveChained(tx, entry))) throw new ChainConflictError();
            head = { ...head, seq: place.seq, mac: entry.mac };
          }
          if (rows.length > 0) await saveHead(tx, key, head, stored === undefined);
          return { head, added: rows.length };
        },
      );
    } catch (error) {
      if (error instanceof ChainConflictError || db.isDuplicateKey(error)) return undefined;
      throw error;
    }
  }

  /** The head behind which the chain goes on: behind a gap of one number when the stored head is not to be trusted. */
  async #extendableHead(
    tx: Executor<HandoverTables>,
    tenant: string,
    stored: StoredHead | undefined,
  ): Promise<ChainHead> {
    const last = await lastChained(tx, tenant);
    if (stored?.isValid && last.seq <= stored.seq) return stored;
    if (!stored && last.seq === 0) return { tenant, seq: 0, mac: '', anchorSeq: 0, anchorMac: '' };
    const seq = Math.max(last.seq, stored?.isValid ? stored.seq : 0) + 1;
    this.#deps.logger.error(
      { event: 'audit_chain_broken', tenant, chain_seq: seq },
      `the audit chain does not end where its head says: it goes on behind the number ${seq}, which stays without an entry`,
    );
    return { tenant, seq, mac: '', anchorSeq: 0, anchorMac: '' };
  }

  #logHeads(): void {
    const { clock, logger } = this.#deps;
    const now = clock.monotonic();
    for (const [tenant, { seq, mac }] of this.#unlogged) {
      if (now - (this.#loggedAt.get(tenant) ?? Number.NEGATIVE_INFINITY) < HEAD_LOG_INTERVAL_MS) continue;
      logger.info({ event: 'audit_head', tenant, chain_seq: seq, chain_mac: mac }, 'the audit is chained up to here');
      this.#loggedAt.set(tenant, now);
      this.#unlogged.delete(tenant);
    }
  }
}

/** Another process has numbered an entry of the batch: roll back; the next round reads again. */
class ChainConflictError extends Error {}
