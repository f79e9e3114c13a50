import { LRUCache } from 'lru-cache';
import type { Logger } from '../../lib/observability/logger.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { IdGenerator } from '../../lib/runtime/id-generator.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { foldName } from '../../lib/text/fold-text.ts';
import { findAliasByName, withFoldedAlias, withFoldedNames } from '../domain/look-alikes.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { PartyAliasStore } from '../store/party-alias-store.ts';

/** The shop of a request; at least one of the two is set. */
export interface ShopNames {
  readonly shopName: string;
  readonly shopId: string;
}

export interface PartyKeys {
  readonly accountKey: string;
  readonly shopKey: string;
  /** Names to be written with the first session of a new shop. A concurrent request may write one of them first. */
  readonly newAliases: readonly PartyAlias[];
}

const NICK_OWNER_TTL_MS = 60_000;
const MAX_OWNED_NICKS = 10_000;

/** The directory of accounts and shops. Every name of an account or shop leads to its one key. */
export class PartyRegistry {
  readonly #store: PartyAliasStore;
  readonly #clock: Clock;
  readonly #ids: IdGenerator<'acc' | 'shp'>;
  readonly #logger: Logger;
  /** Nicks that had an owner when they were looked up: they are not learnt. */
  readonly #ownedNicks: LRUCache<string, true>;

  constructor(store: PartyAliasStore, deps: { clock: Clock; ids: IdGenerator<'acc' | 'shp'>; logger: Logger }) {
    this.#store = store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#logger = deps.logger;
    this.#ownedNicks = new LRUCache({
      max: MAX_OWNED_NICKS,
      ttl: NICK_OWNER_TTL_MS,
      ttlResolution: 0,
      perf: { now: () => deps.clock.monotonic() },
    });
  }

  /** The stored aliases among the names of a shop, those that look like them, and the id of an account. */
  find(platform: string, shop: ShopNames, accountId: string): Promise<PartyAlias[]> {
    return this.#store.find(currentTenant(), platform, wantedOf(shop, accountId));
  }

  /**
   * All names of a shop and of the accounts with this id or with one of these nicks, oldest first, by one statement. `known`:
   * those that were requested or look like a requested one.
   */
  async findParties(platform: string, shop: ShopNames, accountId: string, nicks: readonly string[]) {
    const wanted = { ...wantedOf(shop, accountId), nicks: withFoldedNames(nicks) };
    const names = await this.#store.findPartyAliases(currentTenant(), platform, wanted);
    const existingAliases = names.filter((name) => isWanted(name, wanted));
    const ofAccounts = existingAliases.filter(({ side }) => side === 'account');
    this.#cacheOwnedNicks(
      platform,
      nicks.filter((nick) => findAliasByName(ofAccounts, nick)),
    );
    return { names, known: existingAliases };
  }

  /**
   * The keys of an account and a shop with these stored aliases. The names of a new shop are not written yet: it has no
   * session, so they can be written with the first one.
   */
  async resolveKeys(
    platform: string,
    shop: ShopNames,
    accountId: string,
    existingAliases: readonly PartyAlias[],
  ): Promise<PartyKeys> {
    if (existingAliases.every(({ side }) => side !== 'shop'))
      return this.#keysWithNewShop(shop, accountId, existingAliases);
    const [shopKey, accountKey] = await Promise.all([
      this.shopKey(platform, shop, existingAliases),
      this.accountKey(platform, accountId, existingAliases),
    ]);
    return { accountKey, shopKey, newAliases: [] };
  }

  #keysWithNewShop(
    { shopName, shopId }: ShopNames,
    accountId: string,
    existingAliases: readonly PartyAlias[],
  ): PartyKeys {
    const shopKey = this.#ids.next('shp');
    const account = ownerOf(existingAliases, accountId);
    const accountKey = account?.key ?? this.#ids.next('acc');
    const newAliases: PartyAlias[] = [
      ...withFoldedAlias<PartyAlias>('shop', { side: 'shop', kind: 'name', value: shopName, key: shopKey }),
      ...present(shopId).map((value): PartyAlias => ({ side: 'shop', kind: 'id', value, key: shopKey })),
    ];
    if (!account) newAliases.push(...accountAliases(accountId, accountKey));
    return { accountKey, shopKey, newAliases };
  }

  /** The key of an account; a new one if its id is unknown. */
  async accountKey(platform: string, accountId: string, existingAliases: readonly PartyAlias[]): Promise<string> {
    const alias = ownerOf(existingAliases, accountId);
    if (alias) return alias.key;
    const [id, nick] = accountAliases(accountId, this.#ids.next('acc'));
    const key = await this.#add(platform, id!);
    // a nick that another account has stays with it
    if (nick) await this.addFolded(platform, { ...nick, key });
    return key;
  }

  /**
   * The key of a shop; a new one if name and id are unknown. A name and all names that look like it belong to one shop; an id
   * of another shop is moved to the shop of the name. An unknown name with a known id becomes a further name of that shop.
   */
  async shopKey(
    platform: string,
    { shopName, shopId }: ShopNames,
    existingAliases: readonly PartyAlias[],
  ): Promise<string> {
    const names = existingAliases.filter(({ side, kind }) => side === 'shop' && kind === 'name');
    const byId = existingAliases.find(({ side, kind }) => side === 'shop' && kind === 'id');
    const named = names.find(({ value }) => value === shopName);
    const key = named?.key ?? (await this.#addShopName(platform, shopName, names[0]?.key, byId?.key));
    if (!shopId || byId?.key === key) return key;
    const id: PartyAlias = { side: 'shop', kind: 'id', value: shopId, key };
    const owner = byId?.key ?? (await this.#add(platform, id));
    if (owner !== key) await this.#reassign(platform, id, key);
    return key;
  }

  /**
   * Writes an unused name, the folded one first: of two transactions with names that look the same, only one creates the shop.
   */
  async #addShopName(
    platform: string,
    value: string,
    ownerOfFolded: string | undefined,
    ownerOfId: string | undefined,
  ): Promise<string> {
    const name = { side: 'shop', kind: 'name', value } as const;
    const folded = { ...name, value: foldName(value) };
    let key = ownerOfFolded ?? ownerOfId ?? this.#ids.next('shp');
    if (folded.value !== value && !ownerOfFolded) key = await this.addFolded(platform, { ...folded, key });
    return this.#add(platform, { ...name, key });
  }

  /** The stored ones of these aliases of one side, compared exactly. */
  async findExact(
    platform: string,
    side: PartyAlias['side'],
    names: readonly Pick<PartyAlias, 'kind' | 'value'>[],
  ): Promise<PartyAlias[]> {
    const values = (kind: PartyAlias['kind']) => names.filter((name) => name.kind === kind).map(({ value }) => value);
    const wanted =
      side === 'shop'
        ? { shopNames: values('name'), shopIds: values('id') }
        : { accountIds: values('id'), nicks: values('nick') };
    const found = await this.#store.find(currentTenant(), platform, wanted);
    return found.filter(({ kind, value }) => names.some((name) => name.kind === kind && name.value === value));
  }

  /** The key of the shop into which the shop with this key was merged; undefined when it was not. */
  findMergedInto(platform: string, shopKey: string): Promise<string | undefined> {
    return this.#store.findMergedInto(currentTenant(), platform, shopKey);
  }

  /** The keys of the shops that were merged into this one. */
  formerKeys(shopKey: string): Promise<string[]> {
    return this.#store.formerKeys(currentTenant(), shopKey);
  }

  /** The names of these accounts and shops, oldest first, with the bot prefixes of the accounts. */
  aliasesOf(keys: readonly string[]): ReturnType<PartyAliasStore['findByPartyKeys']> {
    return this.#store.findByPartyKeys(currentTenant(), keys);
  }

  /** Stores nicks of an account. A nick that another account has, or that looks like one of its nicks, stays with that account. */
  async learnNicks(platform: string, accountKey: string, nicks: readonly string[]): Promise<void> {
    const uncached = [...new Set(nicks)].filter(
      (nick) => nick !== '' && !this.#ownedNicks.get(nickKey(platform, nick)),
    );
    if (uncached.length === 0) return;
    const existingAliases = await this.#store.find(currentTenant(), platform, { nicks: withFoldedNames(uncached) });
    for (const value of uncached.filter((nick) => !findAliasByName(existingAliases, nick)))
      for (const alias of withFoldedAlias<PartyAlias>('account', {
        side: 'account',
        kind: 'nick',
        value,
        key: accountKey,
      }))
        await this.#add(platform, alias);
    this.#cacheOwnedNicks(platform, uncached);
  }

  #cacheOwnedNicks(platform: string, nicks: readonly string[]): void {
    for (const nick of nicks) this.#ownedNicks.set(nickKey(platform, nick), true);
  }

  #add(platform: string, alias: PartyAlias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now());
  }

  /**
   * Adds the folded form of an alias unless it exists, and returns its owner. Its time is after that of the alias itself.
   */
  addFolded(platform: string, alias: PartyAlias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now() + 1);
  }

  async #reassign(platform: string, id: PartyAlias, key: string): Promise<void> {
    await this.#store.reassign(currentTenant(), platform, id, key);
    this.#logger.info({ event: 'shop_id_repointed', shop_key: key }, 'a shop id was moved to the shop of its name');
  }
}

function wantedOf({ shopName, shopId }: ShopNames, accountId: string) {
  return { shopNames: withFoldedNames(present(shopName)), shopIds: present(shopId), accountIds: present(accountId) };
}

function isWanted(
  { side, kind, value }: PartyAlias,
  wanted: ReturnType<typeof wantedOf> & { nicks: readonly string[] },
) {
  if (side === 'shop') return (kind === 'name' ? wanted.shopNames : wanted.shopIds).includes(value);
  return wanted.nicks.includes(value) || (kind === 'id' && wanted.accountIds.includes(value));
}

function nickKey(platform: string, nick: string): string {
  return JSON.stringify([currentTenant(), platform, nick]);
}

function ownerOf(existingAliases: readonly PartyAlias[], accountId: string): PartyAlias | undefined {
  return existingAliases.find(({ side, kind, value }) => side === 'account' && kind === 'id' && value === accountId);
}

function accountAliases(accountId: string, key: string): PartyAlias[] {
  return withFoldedAlias<PartyAlias>('account', { side: 'account', kind: 'id', value: accountId, key });
}

function present(value: string): string[] {
  return value === '' ? [] : [value];
}
