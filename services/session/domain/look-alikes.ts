import { foldName } from '../../lib/text/fold-text.ts';
import type { PartyAlias } from './party-alias.ts';

type AliasName = Pick<PartyAlias, 'kind' | 'value'>;

/** Whether two names look the same. */
export function looksLike(a: string, b: string): boolean {
  return a === b || foldName(a) === foldName(b);
}

/** The requested names and their folded forms, for a lookup. */
export function withFoldedNames(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => [name, foldName(name)]))];
}

/** The alias with exactly this name, else the one with its folded form. */
export function findAliasByName<A extends AliasName>(aliases: readonly A[], name: string): A | undefined {
  return withValue(aliases, name) ?? withValue(aliases, foldName(name));
}

/** An alias that is an id precedes a nick: the nick of another account may look like it. */
function withValue<A extends AliasName>(aliases: readonly A[], value: string): A | undefined {
  const found = aliases.filter((alias) => alias.value === value);
  return found.find(({ kind }) => kind === 'id') ?? found[0];
}

/**
 * An alias and, if different, its folded form, by which names that look like it are found. Ids are compared exactly; chat
 * windows also show an account's id as its nick.
 */
export function withFoldedAlias<A extends AliasName>(side: PartyAlias['side'], alias: A): A[] {
  const { kind, value } = alias;
  const folded = foldName(value);
  if (folded === value || (side === 'shop' && kind === 'id')) return [alias];
  return [alias, { ...alias, kind: kind === 'id' ? 'nick' : kind, value: folded }];
}
