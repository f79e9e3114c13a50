import type { Clock } from '../lib/clock.ts';
import { currentTenant } from '../lib/context.ts';
import type { Ids } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { Recently } from '../lib/recently.ts';
import { foldName } from '../lib/text/fold.ts';
import { aliasNamed, spellingsOf, withFolded } from './domain/look-alike.ts';
import type { Alias } from './domain/parties.ts';
import type { DirectoryStore } from './store/directory-store.ts';

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
  readonly unwritten: readonly Alias[];
}

/** So long a nick is believed to have its owner. */
const FRESH_MS = 60_000;

/** The directory of accounts and shops: whatever a caller names one by, it has one key. */
export class Parties {
  readonly #store: DirectoryStore;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #logger: Logger;
  /** Until when a nick that had an owner when it was looked at counts as his: it is not learnt. */
  readonly #ownedNicks = new Recently<number>();

  constructor(store: DirectoryStore, deps: { clock: Clock; ids: Ids; logger: Logger }) {
    this.#store = store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#logger = deps.logger;
  }

  /** The known aliases of a shop, by its name or one that looks the same, and of the account with this id. */
  find(platform: string, shop: ShopNames, accountId: string): Promise<Alias[]> {
    return this.#store.find(currentTenant(), platform, wantedOf(shop, accountId));
  }

  /**
   * All names of a shop and of the accounts with this id or with one of these nicks, the oldest first, and `known`: those of
   * them that were requested, or that look like a requested one. One statement.
   */
  async entries(platform: string, shop: ShopNames, accountId: string, nicks: readonly string[]) {
    const wanted = { ...wantedOf(shop, accountId), nicks: spellingsOf(nicks) };
    const names = await this.#store.findEntries(currentTenant(), platform, wanted);
    const known = names.filter((name) => isWanted(name, wanted));
    const ofAccounts = known.filter(({ side }) => side === 'account');
    this.#remember(
      platform,
      nicks.filter((nick) => aliasNamed(ofAccounts, nick)),
    );
    return { names, known };
  }

  /**
   * The keys of an account and a shop, of whose aliases `known` is all that is known. The names of a shop that is new are not
   * written yet: no session can have it, so they may come with the first one.
   */
  async keysOf(platform: string, shop: ShopNames, accountId: string, known: readonly Alias[]): Promise<PartyKeys> {
    if (known.every(({ side }) => side !== 'shop')) return this.#withNewShop(shop, accountId, known);
    const [shopKey, accountKey] = await Promise.all([
      this.shopKey(platform, shop, known),
      this.accountKey(platform, accountId, known),
    ]);
    return { accountKey, shopKey, unwritten: [] };
  }

  #withNewShop({ shopName, shopId }: ShopNames, accountId: string, known: readonly Alias[]): PartyKeys {
    const shopKey = this.#ids.next('shp');
    const account = ownerOf(known, accountId);
    const accountKey = account?.key ?? this.#ids.next('acc');
    const unwritten: Alias[] = [
      ...withFolded<Alias>('shop', { side: 'shop', kind: 'name', value: shopName, key: shopKey }),
      ...present(shopId).map((value): Alias => ({ side: 'shop', kind: 'id', value, key: shopKey })),
    ];
    if (!account) unwritten.push(...accountAliases(accountId, accountKey));
    return { accountKey, shopKey, unwritten };
  }

  /** The key of an account, made on first sight. */
  async accountKey(platform: string, accountId: string, known: readonly Alias[]): Promise<string> {
    const alias = ownerOf(known, accountId);
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
  async shopKey(platform: string, { shopName, shopId }: ShopNames, known: readonly Alias[]): Promise<string> {
    const names = known.filter(({ side, kind }) => side === 'shop' && kind === 'name');
    const byId = known.find(({ side, kind }) => side === 'shop' && kind === 'id');
    const named = names.find(({ value }) => value === shopName);
    const key = named?.key ?? (await this.#addShopName(platform, shopName, names[0]?.key, byId?.key));
    if (!shopId || byId?.key === key) return key;
    const id: Alias = { side: 'shop', kind: 'id', value: shopId, key };
    const owner = byId?.key ?? (await this.#add(platform, id));
    if (owner !== key) await this.#repoint(platform, id, key);
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
  async owners(
    platform: string,
    side: Alias['side'],
    names: readonly Pick<Alias, 'kind' | 'value'>[],
  ): Promise<Alias[]> {
    const values = (kind: Alias['kind']) => names.filter((name) => name.kind === kind).map(({ value }) => value);
    const wanted =
      side === 'shop'
        ? { shopNames: values('name'), shopIds: values('id') }
        : { accountIds: values('id'), nicks: values('nick') };
    const found = await this.#store.find(currentTenant(), platform, wanted);
    return found.filter(({ kind, value }) => names.some((name) => name.kind === kind && name.value === value));
  }

  /** The key of the shop into which the shop with this key was merged; undefined when it was not. */
  joinedBy(platform: string, shopKey: string): Promise<string | undefined> {
    return this.#store.ownerOfFormerKey(currentTenant(), platform, shopKey);
  }

  /** The keys of the shops that have joined the one with this key. */
  formerKeys(shopKey: string): Promise<string[]> {
    return this.#store.formerKeys(currentTenant(), shopKey);
  }

  /** The names of some accounts and shops, the oldest first, with the bot prefixes of the accounts. */
  aliasesOf(keys: readonly string[]): ReturnType<DirectoryStore['ofEntries']> {
    return this.#store.ofEntries(currentTenant(), keys);
  }

  /** Stores nicks as an account's; a nick of another account stays with that account, and so does one that looks like it. */
  async learnNicks(platform: string, accountKey: string, nicks: readonly string[]): Promise<void> {
    const now = this.#clock.monotonic();
    const unsure = [...new Set(nicks)].filter(
      (nick) => nick !== '' && (this.#ownedNicks.get(nickKey(platform, nick)) ?? Number.NEGATIVE_INFINITY) <= now,
    );
    if (unsure.length === 0) return;
    const known = await this.#store.find(currentTenant(), platform, { nicks: spellingsOf(unsure) });
    for (const value of unsure.filter((nick) => !aliasNamed(known, nick)))
      for (const alias of withFolded<Alias>('account', { side: 'account', kind: 'nick', value, key: accountKey }))
        await this.#add(platform, alias);
    this.#remember(platform, unsure);
  }

  /** Keeps in mind that these nicks have an owner. */
  #remember(platform: string, nicks: readonly string[]): void {
    const until = this.#clock.monotonic() + FRESH_MS;
    for (const nick of nicks) this.#ownedNicks.set(nickKey(platform, nick), until);
  }

  #add(platform: string, alias: Alias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now());
  }

  /**
   * Adds the folded form of an alias unless it exists, and returns its owner. It is dated after the name that it comes from.
   */
  addFolded(platform: string, alias: Alias): Promise<string> {
    return this.#store.add(currentTenant(), platform, alias, this.#clock.now() + 1);
  }

  async #repoint(platform: string, id: Alias, key: string): Promise<void> {
    await this.#store.repoint(currentTenant(), platform, id, key);
    this.#logger.info({ event: 'shop_id_repointed', shop_key: key }, 'a shop id now names the shop of its name');
  }
}

function wantedOf({ shopName, shopId }: ShopNames, accountId: string) {
  return { shopNames: spellingsOf(present(shopName)), shopIds: present(shopId), accountIds: present(accountId) };
}

function isWanted({ side, kind, value }: Alias, wanted: ReturnType<typeof wantedOf> & { nicks: readonly string[] }) {
  if (side === 'shop') return (kind === 'name' ? wanted.shopNames : wanted.shopIds).includes(value);
  return wanted.nicks.includes(value) || (kind === 'id' && wanted.accountIds.includes(value));
}

function nickKey(platform: string, nick: string): string {
  return JSON.stringify([currentTenant(), platform, nick]);
}

/** The alias by which the account with this id is known. */
function ownerOf(known: readonly Alias[], accountId: string): Alias | undefined {
  return known.find(({ side, kind, value }) => side === 'account' && kind === 'id' && value === accountId);
}

function accountAliases(accountId: string, key: string): Alias[] {
  return withFolded<Alias>('account', { side: 'account', kind: 'id', value: accountId, key });
}

function present(value: string): string[] {
  return value === '' ? [] : [value];
}
