import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { looksLike, withFoldedAlias } from './look-alikes.ts';
import type { PartyAlias } from './party-alias.ts';

/** An alias of a request. */
export type AliasName = Pick<PartyAlias, 'kind' | 'value'>;

/** An account or a shop of the directory. */
export interface Party {
  readonly key: string;
  readonly side: PartyAlias['side'];
  readonly platform: string;
  /** Empty when none was set. */
  readonly name: string;
  /** Empty when none was set. */
  readonly botPrefix: string;
  /** Raised by every update; 0 before the first. */
  readonly version: number;
  /** Oldest first. */
  readonly aliases: readonly (AliasName & { readonly createdAt: number })[];
}

/** The desired state of an account or a shop. */
export interface PartyUpdate {
  readonly side: PartyAlias['side'];
  /** One of its ids, or its key. */
  readonly id: string;
  readonly aliases: readonly AliasName[];
  readonly remove: readonly AliasName[];
  /** Undefined for no change. */
  readonly name?: string;
  readonly botPrefix?: string;
  /** Whether aliases of other accounts or shops are moved to this one. */
  readonly move: boolean;
}

/** The aliases whose owners the plan depends on: those of the update and their folded forms. */
export function aliasesToLookUp({ side, id, aliases }: PartyUpdate): AliasName[] {
  return unique([{ kind: 'id' as const, value: id }, ...aliases].flatMap((alias) => withFoldedAlias(side, alias)));
}

/** What an update writes. */
export interface PartyUpdatePlan {
  readonly key: string;
  readonly side: PartyAlias['side'];
  readonly platform: string;
  /** The version that was read: the compare-and-set expects it. */
  readonly version: number;
  readonly add: readonly AliasName[];
  readonly moves: readonly (AliasName & { readonly from: string })[];
  readonly remove: readonly AliasName[];
  readonly name?: string;
  readonly botPrefix?: string;
}

/** The key of the account or shop that the update is about, by the owners of its aliases; undefined for a new one. */
export function resolvePartyKey(
  { side, id, aliases }: PartyUpdate,
  existingAliases: readonly PartyAlias[],
): string | undefined {
  const owner = ({ kind, value }: AliasName) =>
    existingAliases.find((alias) => alias.kind === kind && alias.value === value)?.key;
  const own = owner({ kind: 'id', value: id });
  // a nick does not identify an account: a new id with a known nick is a new account that claims the nick
  const identities = aliases.filter(({ kind }) => side === 'shop' || kind === 'id');
  return own ?? identities.map(owner).find((key) => key !== undefined);
}

/**
 * Compares the update with the stored party, if there is one, and the owners of its aliases. `newParty` is used when there is
 * none. Throws ALIAS_TAKEN, and INVALID_ARGUMENT when no request could find the party any more.
 */
export function planPartyUpdate(
  update: PartyUpdate,
  party: Party | undefined,
  existingAliases: readonly PartyAlias[],
  newParty: Pick<Party, 'key' | 'platform'>,
): PartyUpdatePlan {
  const { side } = update;
  const { key, platform } = party ?? newParty;
  const wanted =
    party?.key === update.id ? update.aliases : [{ kind: 'id' as const, value: update.id }, ...update.aliases];
  const add: AliasName[] = [];
  const moves: (AliasName & { from: string })[] = [];
  const ownerOf = (name: AliasName) => existingAliases.find((alias) => isSame(alias, name))?.key;
  for (const requested of unique(wanted)) {
    for (const { kind, value } of withFoldedAlias(side, requested)) {
      const owner = ownerOf({ kind, value });
      // a party keeps its aliases even if an earlier release gave another party one that looks the same
      const isOwn = owner === key || ownerOf(requested) === key;
      if (owner === undefined) add.push({ kind, value });
      else if (isOwn || (kind !== requested.kind && owner !== ownerOf(requested))) continue;
      else if (update.move) moves.push({ kind, value, from: owner });
      else throw taken(update, requested, owner);
    }
  }
  const remove = (party?.aliases ?? []).filter((alias) => isRemoved(update, alias));
  assertStaysFindable(update, [...(party?.aliases ?? []), ...add, ...moves]);
  const aliases = { add: unique(add), moves: unique(moves), remove };
  return { key, side, platform, version: party?.version ?? 0, ...aliases, ...newValues(update, party) };
}

/** Adds the names of the losing parties that look like a moved alias: they lead to its new owner. */
export function addLookAlikeMoves(plan: PartyUpdatePlan, losingParties: readonly Party[]): PartyUpdatePlan {
  const lookAlikeMoves = losingParties.flatMap((losingParty) =>
    losingParty.aliases
      .filter((alias) => plan.moves.some((move) => move.from === losingParty.key && isAlike(move, alias)))
      .map(({ kind, value }) => ({ kind, value, from: losingParty.key })),
  );
  return { ...plan, moves: unique([...plan.moves, ...lookAlikeMoves]) };
}

export function hasChanges({ add, moves, remove, name, botPrefix }: PartyUpdatePlan): boolean {
  return add.length + moves.length + remove.length > 0 || name !== undefined || botPrefix !== undefined;
}

/** Whether sessions are found by such an alias, so that its owner decides their slot. */
export function identifiesSessions(side: PartyAlias['side'], { kind }: AliasName): boolean {
  return side === 'account' ? kind === 'id' : kind === 'name';
}

function newValues(
  { name, botPrefix }: PartyUpdate,
  party: Party | undefined,
): Pick<PartyUpdatePlan, 'name' | 'botPrefix'> {
  return {
    name: name === (party?.name ?? '') ? undefined : name,
    botPrefix: botPrefix === (party?.botPrefix ?? '') ? undefined : botPrefix,
  };
}

/** A repeat of the request must find the same party, and an account must keep an id. */
function assertStaysFindable(update: PartyUpdate, aliases: readonly AliasName[]): void {
  const left = aliases.filter((alias) => !isRemoved(update, alias));
  const removesItself = update.remove.some(({ kind, value }) => kind === 'id' && value === update.id);
  const isLost = update.side === 'account' ? !left.some(({ kind }) => kind === 'id') : left.length === 0;
  if (removesItself || isLost)
    throw appError(
      ErrorReason.INVALID_ARGUMENT,
      'remove_aliases must not contain the id in the path or the last alias',
      {
        field: 'remove_aliases',
      },
    );
}

function taken({ side }: PartyUpdate, { kind, value }: AliasName, key: string) {
  return appError(ErrorReason.ALIAS_TAKEN, `the ${kind} belongs to another ${side}`, { kind, value, key });
}

/** Whether the update removes an alias, by its name or by one that looks like it, unless it sets such a name too. */
function isRemoved({ remove, aliases }: PartyUpdate, alias: AliasName): boolean {
  if (remove.some((name) => isSame(name, alias))) return true;
  return remove.some((name) => isAlike(name, alias)) && !aliases.some((name) => isAlike(name, alias));
}

/** Whether two names of one kind look the same, or the first is an id and the second the nick that is its folded form. */
function isAlike(name: AliasName, alias: AliasName): boolean {
  if (name.kind !== alias.kind) return withFoldedAlias('account', name).some((each) => isSame(each, alias));
  return name.kind === 'id' ? name.value === alias.value : looksLike(name.value, alias.value);
}

function unique<A extends AliasName>(aliases: readonly A[]): A[] {
  return aliases.filter((alias, index) => aliases.findIndex((other) => isSame(other, alias)) === index);
}

function isSame(a: AliasName, b: AliasName): boolean {
  return a.kind === b.kind && a.value === b.value;
}
