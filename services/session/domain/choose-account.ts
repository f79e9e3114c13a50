import { foldName } from '../../lib/text/fold-text.ts';
import { findAliasByName } from './look-alikes.ts';
import type { PartyAlias } from './party-alias.ts';

/** The account of an open session of the shop. */
export interface OpenSessionAccount {
  readonly accountKey: string;
  readonly accountId: string;
}

/** The facts that decide the account of a batch that names none. */
export interface AccountCandidates {
  readonly platform: string;
  /** The senders of the batch, without the shop. */
  readonly nicks: readonly string[];
  /** The stored aliases among the nicks. */
  readonly aliases: readonly PartyAlias[];
  readonly openSessions: readonly OpenSessionAccount[];
}

export type AccountChoice =
  /** A known account. `stable`: the same batch always leads to it. */
  | { readonly kind: 'known'; readonly accountKey: string; readonly stable: boolean }
  /** An account that is named by the batch and may be new. */
  | { readonly kind: 'named'; readonly accountId: string }
  | { readonly kind: 'unknown' };

/** Whether a nick looks like the shop's name; the nicks of its agents add a colon and a name. */
export function isShopNick(nick: string, shopName: string): boolean {
  const [foldedNick, name] = [foldName(nick), foldName(shopName)];
  return foldedNick === name || foldedNick.startsWith(`${name}:`);
}

/** The prefix of account names by platform, where an account shows by its nick. */
const accountNicks: Readonly<Record<string, string>> = { 淘天: 't-' };

/** The account of the batch by the first rule that applies. An account that the request names precedes all rules. */
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
