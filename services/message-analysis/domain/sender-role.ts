import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldName } from '../../lib/text/fold-text.ts';

/** Whose side a nick is on. */
export interface SenderRole {
  readonly role: MessageRole.ACCOUNT | MessageRole.SHOP;
  /** Judged by what is left over, not by what is known: a matched receipt may still make it the account's. */
  readonly unsure: boolean;
}

/** What is known of the two sides of a batch. */
export interface KnownNames {
  readonly platform: string;
  readonly accountNicks: readonly string[];
  readonly shopNames: readonly string[];
}

/** Marketplaces whose nicks tell an account by themselves. */
const accountNickRules: Readonly<Record<string, (nick: string) => boolean>> = {
  淘天: (nick) => nick.startsWith('t-') && nick.length > 2,
};

/**
 * The side of every nick of a batch. A nick that nothing tells is the shop's when the account is known by another nick of
 * the batch or its marketplace has a rule for accounts; else it is the account's, so that a human's typing is not missed.
 * Beside the account's own nick and without the shop's it is the shop's for sure: a shop that greets in the bot's words must
 * not use up its receipt.
 */
export function resolveSenderRoles(nicks: Iterable<string>, parties: KnownNames): Map<string, SenderRole> {
  const senderNicks = new Set(nicks);
  const foldedNicks = new Set([...senderNicks].map(foldName));
  const accounts = new Set(parties.accountNicks.map(foldName));
  const shops = [...new Set(parties.shopNames.map(foldName))];
  const rule = Object.hasOwn(accountNickRules, parties.platform) ? accountNickRules[parties.platform] : undefined;
  const isShop = (nick: string) => shops.some((name) => nick === name || nick.startsWith(`${name}:`));
  // a shop may be called t-恤专卖店
  const isAccount = (nick: string) => accounts.has(nick) || (rule?.(nick) === true && !isShop(nick));
  const hasAccount = [...foldedNicks].some(isAccount);
  const hasShop = [...foldedNicks].some((nick) => isShop(nick) && !isAccount(nick));
  const fallbackRole = rule || hasAccount ? MessageRole.SHOP : MessageRole.ACCOUNT;
  const senderRole = (nick: string): SenderRole => {
    if (isAccount(nick)) return { role: MessageRole.ACCOUNT, unsure: false };
    if (isShop(nick)) return { role: MessageRole.SHOP, unsure: false };
    return { role: fallbackRole, unsure: !hasAccount || hasShop };
  };
  return new Map([...senderNicks].map((nick) => [nick, senderRole(foldName(nick))]));
}
