import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { looksLike, withFolded } from './look-alike.ts';
import type { Alias } from './parties.ts';

/** An alias as a caller names it. */
export type AliasName = Pick<Alias, 'kind' | 'value'>;

/** An account or a shop of the directory. */
export interface Entry {
  readonly key: string;
  readonly side: Alias['side'];
  readonly platform: string;
  /** Empty when none was set. */
  readonly name: string;
  /** Empty when none was set. */
  readonly botPrefix: string;
  /** Raised by every change by a caller; 0 when there was none. */
  readonly version: number;
  /** The oldest first. */
  readonly aliases: readonly (AliasName & { readonly createdAt: number })[];
}

/** What a caller wants to be true of an entry. */
export interface EntryWish {
  readonly side: Alias['side'];
  /** An id of it, or its key. */
  readonly id: string;
  readonly aliases: readonly AliasName[];
  readonly remove: readonly AliasName[];
  /** Undefined leaves it as it is. */
  readonly name?: string;
  readonly botPrefix?: string;
  /** Whether aliases that are another entry's become this one's. */
  readonly move: boolean;
}

/** All aliases whose owners decide about the wish: those that it names, and the folded forms by which look-alikes are found. */
export function namedBy({ side, id, aliases }: EntryWish): AliasName[] {
  return unique([{ kind: 'id' as const, value: id }, ...aliases].flatMap((alias) => withFolded(side, alias)));
}

/** What has to be written for that. */
export interface EntryPlan {
  readonly key: string;
  readonly side: Alias['side'];
  readonly platform: string;
  /** What was read; somebody else has changed the entry when it is another one now. */
  readonly version: number;
  readonly add: readonly AliasName[];
  readonly moves: readonly (AliasName & { readonly from: string })[];
  readonly remove: readonly AliasName[];
  readonly name?: string;
  readonly botPrefix?: string;
}

/** The entry that the wish means, by what is known of the aliases in it; undefined for a new one. */
export function meantKey({ side, id, aliases }: EntryWish, known: readonly Alias[]): string | undefined {
  const owner = ({ kind, value }: AliasName) =>
    known.find((alias) => alias.kind === kind && alias.value === value)?.key;
  const own = owner({ kind: 'id', value: id });
  // a nick is no identity: a new id beside a known nick is a new account, which wants the nick
  const identities = aliases.filter(({ kind }) => side === 'shop' || kind === 'id');
  return own ?? identities.map(owner).find((key) => key !== undefined);
}

/**
 * What has to change. `entry` is the one that the wish means, `known` what is known of its aliases, `fresh` the key and the
 * platform of a new one. Throws ALIAS_TAKEN, and INVALID_ARGUMENT when the entry could not be found any more.
 */
export function planEntry(
  wish: EntryWish,
  entry: Entry | undefined,
  known: readonly Alias[],
  fresh: Pick<Entry, 'key' | 'platform'>,
): EntryPlan {
  const { side } = wish;
  const { key, platform } = entry ?? fresh;
  const wanted = entry?.key === wish.id ? wish.aliases : [{ kind: 'id' as const, value: wish.id }, ...wish.aliases];
  const add: AliasName[] = [];
  const moves: (AliasName & { from: string })[] = [];
  const ownerOf = (name: AliasName) => known.find((alias) => isSame(alias, name))?.key;
  for (const asked of unique(wanted)) {
    for (const { kind, value } of withFolded(side, asked)) {
      const owner = ownerOf({ kind, value });
      // an entry keeps its aliases even if an earlier release gave another entry one that looks the same
      const isOwn = owner === key || ownerOf(asked) === key;
      if (owner === undefined) add.push({ kind, value });
      else if (isOwn || (kind !== asked.kind && owner !== ownerOf(asked))) continue;
      else if (wish.move) moves.push({ kind, value, from: owner });
      else throw taken(wish, asked, owner);
    }
  }
  const remove = (entry?.aliases ?? []).filter((alias) => isRemoved(wish, alias));
  mustStayFindable(wish, [...(entry?.aliases ?? []), ...add, ...moves]);
  const aliases = { add: unique(add), moves: unique(moves), remove };
  return { key, side, platform, version: entry?.version ?? 0, ...aliases, ...newValues(wish, entry) };
}

/** Adds to the plan the names of the losing entries that look like a moved one: they are found by it. */
export function withLookAlikes(plan: EntryPlan, losers: readonly Entry[]): EntryPlan {
  const alike = losers.flatMap((loser) =>
    loser.aliases
      .filter((alias) => plan.moves.some((move) => move.from === loser.key && isAlike(move, alias)))
      .map(({ kind, value }) => ({ kind, value, from: loser.key })),
  );
  return { ...plan, moves: unique([...plan.moves, ...alike]) };
}

/** Whether there is anything to write. */
export function changesAnything({ add, moves, remove, name, botPrefix }: EntryPlan): boolean {
  return add.length + moves.length + remove.length > 0 || name !== undefined || botPrefix !== undefined;
}

/** Whether sessions go by such an alias, so that its owner is the owner of their slots. */
export function namesSessions(side: Alias['side'], { kind }: AliasName): boolean {
  return side === 'account' ? kind === 'id' : kind === 'name';
}

function newValues({ name, botPrefix }: EntryWish, entry: Entry | undefined): Pick<EntryPlan, 'name' | 'botPrefix'> {
  return {
    name: name === (entry?.name ?? '') ? undefined : name,
    botPrefix: botPrefix === (entry?.botPrefix ?? '') ? undefined : botPrefix,
  };
}

/** A repeat of the request has to find the same entry, and so has everybody who knows the account by its id. */
function mustStayFindable(wish: EntryWish, aliases: readonly AliasName[]): void {
  const left = aliases.filter((alias) => !isRemoved(wish, alias));
  const removesItself = wish.remove.some(({ kind, value }) => kind === 'id' && value === wish.id);
  const isLost = wish.side === 'account' ? !left.some(({ kind }) => kind === 'id') : left.length === 0;
  if (removesItself || isLost)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'remove_aliases: the id in the path and the last alias stay', {
      field: 'remove_aliases',
    });
}

function taken({ side }: EntryWish, { kind, value }: AliasName, key: string) {
  return refuse(ErrorReason.ALIAS_TAKEN, `the ${kind} is another ${side}'s`, { kind, value, key });
}

/** Whether the wish removes an alias: by its name, or by one that looks like it unless the wish sets such a name. */
function isRemoved({ remove, aliases }: EntryWish, alias: AliasName): boolean {
  if (remove.some((name) => isSame(name, alias))) return true;
  return remove.some((name) => isAlike(name, alias)) && !aliases.some((name) => isAlike(name, alias));
}

/** Whether two names of one kind look the same, or the first is an id and the second the nick that is its folded form. */
function isAlike(name: AliasName, alias: AliasName): boolean {
  if (name.kind !== alias.kind) return withFolded('account', name).some((each) => isSame(each, alias));
  return name.kind === 'id' ? name.value === alias.value : looksLike(name.value, alias.value);
}

function unique<A extends AliasName>(aliases: readonly A[]): A[] {
  return aliases.filter((alias, index) => aliases.findIndex((other) => isSame(other, alias)) === index);
}

function isSame(a: AliasName, b: AliasName): boolean {
  return a.kind === b.kind && a.value === b.value;
}
