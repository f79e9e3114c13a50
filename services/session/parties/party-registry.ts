import { RecentCache } from '../../lib/cache/recent-cache.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { IdGenerator } from '../../lib/runtime/id-generator.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { foldName } from '../../lib/text/fold-text.ts';
import { findAliasByName, withFoldedAlias, withFoldedNames } from '../domain/look-alikes.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { PartyAliasStore } from '../store/party-alias-store.ts';

/** A shop as a caller names it; at least one of the two is set. */
export interface ShopNames {
  readonly shopName: string;
  readonly shopId: string;
}

/** The keys of a slot. */
export interface PartyKeys {
  readonly accountKey: string;
  readonly shopKey: string;
  /** Names to be written with the first session of a new shop; somebody else may write one of them first. */
  readonly newAliases: readonly PartyAlias[];
}

/** So long a nick is believed to have its owner. */
const NICK_OWNER_TTL_MS = 60_000;

/** The directory of accounts and shops: whatever a caller names one by, it has one key. */
export class PartyRegistry {
  readonly #store: PartyAliasStore;
  readonly #clock: Clock;
  readonly #ids: IdGenerator;
  readonly #logger: Logger;
  /** Until when a nick that had an owner when it was looked at counts as his: it is not learnt. */
  readonly #ownedNicks = new RecentCache<number>();

  constructor(store: PartyAliasStore, deps: { clock: Clock; ids: IdGenerator; logger: Logger }) {
    this.#store = store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#logger = deps.logger;
  }

  /** The known aliases of a shop, by its name or one that looks the same, and of the account with this id. */
  find(platform: string, shop: ShopNames, accountId: string): Promise<PartyAlias[]> {
    return this.#store.find(currentTenant(), platform, wantedOf(shop, accountId));
  }

  /**
   * All names of a shop and of the accounts with this id or with one of these nicks, the oldest first, and `known`: those of
   * them that were requested, or that look like a requested one. One statement.
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
   * The keys of an account and a shop, of whose aliases `known` is all that is known. The names of a shop that is new are not
   * written yet: no session can have it, so they may come with the first one.
   */
  async resolveKeys(
    platform: string,
    shop: ShopNames,
    accountId: string,
    existingAliases: readonly PartyAlias[],
  ): Promise<PartyKeys> {
    if (existingAliases.every(({ side }) => side !== 'shop'))
      return this.#keysWithNewShop(shop, accountId, existingAliases);
    const [getOrCreateShopKey, getOrCreateAccountKey] = await Promise.all([
      this.shopKey(platform, shop, existingAliases),
      this.accountKey(platform, accountId, existingAliases),
    ]);
    return { accountKey: getOrCreateAccountKey, shopKey: getOrCreateShopKey, newAliases: [] };
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

  /** The key of an account, made on first sight. */
  async accountKey(platform: string, accountId: string, existingAliases: readonly PartyAlias[]): Promise<string> {
    const alias = ownerOf(existingAliases, accountId);
    if (alias) return alias.key;
    const [id, nick] = accountAliases(accountId, this.#ids.next('acc'));
    const key = await this.#add(platform, id!);
    // a nick of another account stays with that account
    if (nick) await this.addFolded(platform, { ...nick, key });
    return key;
  }

  /**
   * The key of a shop, created at first sight. A name, and every name that looks like it, always means the same shop; an id of
   * another shop is moved to the shop of the name. A new name with a known id becomes a further name of that shop.
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

  /** The known ones among some aliases of one side, compared exactly. */
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

  /** The keys of the shops that have joined the one with this key. */
  formerKeys(shopKey: string): Promise<string[]> {
    return this.#store.formerKeys(currentTenant(), shopKey);
  }

  /** The names of some accounts and shops, the oldest first, with the bot prefixes of the accounts. */
  aliasesOf(keys: readonly string[]): ReturnType<PartyAliasStore['findByPartyKeys']> {
    return this.#store.findByPartyKeys(currentTenant(), keys);
  }

  /** Stores nicks as an account's; a nick of another account stays with that account, and so does one that looks like it. */
  async learnNicks(platform: string, accountKey: string, nicks: readonly string[]): Promise<void> {
    const now = this.#clock.monotonic();
    const uncached = [...new Set(nicks)].filter(
      (nick) => nick !== '' && (this.#ownedNicks.get(nickKey(platform, nick)) ?? Number.NEGATIVE_INFINITY) <= now,
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

  /** Keeps in mind that these nicks have an owner. */
  #cacheOwnedNicks(platform: string, nicks: readonly string[]): void {
    const until = this.#clock.monotonic() + NICK_OWNER_TTL_MS;
    for (const nick of nicks) this.#ownedNicks.set(nickKey(platform, nick), until);
  }

  #add(platform: string, alias: PartyAlias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now());
  }

  /**
   * Adds the folded form of an alias unless it exists, and returns its owner. It is dated after the name that it comes from.
   */
  addFolded(platform: string, alias: PartyAlias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now() + 1);
  }

  async #reassign(platform: string, id: PartyAlias, key: string): Promise<void> {
    await this.#store.reassign(currentTenant(), platform, id, key);
    this.#logger.info({ event: 'shop_id_repointed', shop_key: key }, 'a shop id now names the shop of its name');
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

/** The alias by which the account with this id is known. */
function ownerOf(existingAliases: readonly PartyAlias[], accountId: string): PartyAlias | undefined {
  return existingAliases.find(({ side, kind, value }) => side === 'account' && kind === 'id' && value === accountId);
}

function accountAliases(accountId: string, key: string): PartyAlias[] {
  return withFoldedAlias<PartyAlias>('account', { side: 'account', kind: 'id', value: accountId, key });
}

function present(value: string): string[] {
  return value === '' ? [] : [value];
}
