import { foldName } from '../../lib/text/fold-text.ts';
import { findAliasByName } from './look-alikes.ts';
import type { PartyAlias } from './party-alias.ts';

/** An open session of the shop, as far as it tells which account talks. */
export interface OpenSessionAccount {
  readonly accountKey: string;
  readonly accountId: string;
}

/** What is known when a batch that names no account has to be given one. */
export interface AccountCandidates {
  readonly platform: string;
  /** Who speaks in the batch, without the shop. */
  readonly nicks: readonly string[];
  /** Account aliases that are among the nicks. */
  readonly aliases: readonly PartyAlias[];
  readonly openSessions: readonly OpenSessionAccount[];
}

/** The account of a batch. */
export type AccountChoice =
  /** A known account. `stable`: the same batch will always give it. */
  | { readonly kind: 'known'; readonly accountKey: string; readonly stable: boolean }
  /** An account that is named by the batch and may be new. */
  | { readonly kind: 'named'; readonly accountId: string }
  | { readonly kind: 'unknown' };

/** Whether a nick looks like the shop's name; the nicks of its agents add a colon and a name. */
export function isShopNick(nick: string, shopName: string): boolean {
  const [foldedNick, name] = [foldName(nick), foldName(shopName)];
  return foldedNick === name || foldedNick.startsWith(`${name}:`);
}

/** How a platform's accounts are named, where that can be told from a nick. */
const accountNicks: Readonly<Record<string, string>> = { 淘天: 't-' };

/** Whose batch it is, by the first rule that applies; the account that the request names comes before all of them. */
export function chooseAccount({ platform, nicks, aliases, openSessions }: AccountCandidates): AccountChoice {
  const known = nicks.map((nick) => findAliasByName(aliases, nick)?.key).filter((key) => key !== undefined);
  const inSession = known.find((key) => openSessions.some((session) => session.accountKey === key));
  if (inSession) return { kind: 'known', accountKey: inSession, stable: false };
  if (known[0]) return { kind: 'known', accountKey: known[0], stable: true };
  const prefix = accountNicks[platform];
  const isNamed = (nick: string) => prefix !== undefined && nick.startsWith(prefix) && nick.length > prefix.length;
  const named = nicks.find(isNamed) ?? nicks.map(foldName).find(isNamed);
  if (named) return { kind: 'named', accountId: named };
  const only = openSessions.length === 1 ? openSessions[0] : undefined;
  return only ? { kind: 'known', accountKey: only.accountKey, stable: false } : { kind: 'unknown' };
}
