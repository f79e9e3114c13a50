import { backgroundRequestId, type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { withFoldedAlias } from '../domain/look-alikes.ts';
import { type LookAlikeShops, mergeShops } from '../store/merge-shops.ts';
import { findPartyTenants, type PlatformAlias, scanAliases } from '../store/scan-aliases.ts';
import type { SessionTables } from '../store/tables.ts';

const EVERY_MS = 60_000;
/** Aliases without folded form come from processes of an earlier release during a rolling upgrade. */
const PASS_EVERY_MS = 3_600_000;
/** Earlier releases do not know former keys: no merge before the other processes of a rolling upgrade are replaced. */
const MERGE_AFTER_MS = 900_000;
const PARTIES_PER_BATCH = 200;

/** Adds folded aliases and merges look-alike shops, as docs/directory.md says; in one process of the installation. */
export function startAliasFolding(deps: SessionDeps): Loop {
  const startedAt = performance.now();
  const folding = new AliasFolder(deps);
  let passedAt = Number.NEGATIVE_INFINITY;
  return startLeaderLoop(deps.db, 'directory-fold', {
    name: 'directory-fold',
    intervalMs: EVERY_MS,
    logger: deps.logger,
    run: async (signal) => {
      if (performance.now() - passedAt >= PASS_EVERY_MS) {
        if (!(await folding.foldBatch(signal))) return true;
        passedAt = performance.now();
      }
      if (performance.now() - startedAt >= MERGE_AFTER_MS) await folding.mergeLookAlikes(signal);
      return false;
    },
  });
}

type FoldingDeps = Pick<SessionDeps, 'db' | 'clock' | 'logger' | 'parties'>;

/** One pass through the directory. It can be interrupted anywhere and started again by another process. */
export class AliasFolder {
  readonly #deps: FoldingDeps;
  #tenants: string[] | undefined;
  #after = '';
  /** Pairs of shops whose names look the same, by the key of the shop that is merged into the other. */
  readonly #lookAlikes = new Map<string, LookAlikeShops>();

  constructor(deps: FoldingDeps) {
    this.#deps = deps;
  }

  /** Reads one batch of accounts and shops and adds missing folded aliases. True at the end of the directory. */
  async foldBatch(signal?: AbortSignal): Promise<boolean> {
    const db = this.#deps.db.autocommit<SessionTables>();
    this.#tenants ??= await findPartyTenants(db);
    const [tenant] = this.#tenants;
    if (tenant === undefined) {
      this.#tenants = undefined;
      return true;
    }
    const aliases = await scanAliases(db, tenant, this.#after, PARTIES_PER_BATCH);
    const last = aliases.at(-1);
    if (!last) this.#tenants.shift();
    else
      await runInBackgroundContext(systemContext(tenant, backgroundRequestId('directory-fold')), async () => {
        for (const alias of aliases) if (!signal?.aborted) await this.#fold(tenant, alias, aliases);
      });
    this.#after = last?.key ?? '';
    return false;
  }

  /** Adds the folded form of an alias, or records the shop that already has it. */
  async #fold(tenant: string, alias: PlatformAlias, around: readonly PlatformAlias[]): Promise<void> {
    const [, folded] = alias.kind === 'key' ? [] : withFoldedAlias(alias.side, alias);
    if (!folded || around.some((other) => isSame(other, folded))) return;
    const into = await this.#deps.parties.addFolded(alias.platform, folded);
    if (into === alias.key || alias.side === 'account') return;
    const { platform, value: name, key: from } = alias;
    this.#lookAlikes.set(JSON.stringify([tenant, from]), { tenant, platform, name, from, into });
  }

  /** Merges the look-alike shops that can be merged; the others stay for the next round. */
  async mergeLookAlikes(signal?: AbortSignal): Promise<void> {
    for (const [id, shops] of this.#lookAlikes) {
      if (signal?.aborted) return;
      const context = systemContext(shops.tenant, backgroundRequestId('directory-fold'));
      const isDone = await runInBackgroundContext(context, () => this.#mergeOne(shops));
      if (isDone) this.#lookAlikes.delete(id);
    }
  }

  async #mergeOne(shops: LookAlikeShops): Promise<boolean> {
    const { db, clock, logger } = this.#deps;
    const { from: key, into } = shops;
    try {
      const merged = await db.transaction<SessionTables, boolean>('directory-merge', (tx) =>
        mergeShops(tx, shops, clock.now()),
      );
      if (merged)
        logger.info({ event: 'shops_merged', shop_key: into, former_key: key }, 'two shops with one name were merged');
      return true;
    } catch (error) {
      // retried later, for example when both have an open session with one account
      if (!db.isDuplicateKey(error))
        logger.warn({ event: 'shops_not_merged', shop_key: into, former_key: key, err: error }, 'a merge failed');
      return false;
    }
  }
}

function isSame(a: PlatformAlias, b: PlatformAlias): boolean {
  return a.key === b.key && a.platform === b.platform && a.kind === b.kind && a.value === b.value;
}
