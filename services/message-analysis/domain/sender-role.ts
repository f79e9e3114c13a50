import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldName } from '../../lib/text/fold-text.ts';

/** The role of a nick. */
export interface SenderRole {
  readonly role: MessageRole.ACCOUNT | MessageRole.SHOP;
  /** Whether the role is a guess: a matched receipt may still make it the account's. */
  readonly unsure: boolean;
}

/** The known names of both sides of a batch. */
export interface KnownNames {
  readonly platform: string;
  readonly accountNicks: readonly string[];
  readonly shopNames: readonly string[];
}

/** Marketplaces whose nicks identify an account by their form. */
const accountNickRules: Readonly<Record<string, (nick: string) => boolean>> = {
  淘天: (nick) => nick.startsWith('t-') && nick.length > 2,
};

/**
 * The role of every nick of a batch. An unknown nick is the shop's when another nick of the batch is the account's or the
 * marketplace has a rule for accounts; else it is the account's, so that no human's message is missed. Beside the account's
 * own nick and without the shop's it is certainly the shop's: a shop that sends the same text as the bot must not use up the
 * bot's receipt.
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
