import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldName } from '../../lib/text/fold.ts';

/** Whose side a nick is on. */
export interface Side {
  readonly role: MessageRole.ACCOUNT | MessageRole.SHOP;
  /** Judged by what is left over, not by what is known: a matched receipt may still make it the account's. */
  readonly unsure: boolean;
}

/** What is known of the two sides of a batch. */
export interface KnownParties {
  readonly platform: string;
  readonly accountNicks: readonly string[];
  readonly shopNames: readonly string[];
}

/** Marketplaces whose nicks tell an account by themselves. */
const nickRules: Readonly<Record<string, (nick: string) => boolean>> = {
  淘天: (nick) => nick.startsWith('t-') && nick.length > 2,
};

/**
 * The side of every nick of a batch. A nick that nothing tells is the shop's when the account is known by another nick of
 * the batch or its marketplace has a rule for accounts; else it is the account's, so that a human's typing is not missed.
 * Beside the account's own nick and without the shop's it is the shop's for sure: a shop that greets in the bot's words must
 * not use up its receipt.
 */
export function sidesOf(nicks: Iterable<string>, parties: KnownParties): Map<string, Side> {
  const spoken = new Set(nicks);
  const all = new Set([...spoken].map(foldName));
  const accounts = new Set(parties.accountNicks.map(foldName));
  const shops = [...new Set(parties.shopNames.map(foldName))];
  const rule = Object.hasOwn(nickRules, parties.platform) ? nickRules[parties.platform] : undefined;
  const isShop = (nick: string) => shops.some((name) => nick === name || nick.startsWith(`${name}:`));
  // a shop may be called t-恤专卖店
  const isAccount = (nick: string) => accounts.has(nick) || (rule?.(nick) === true && !isShop(nick));
  const accountSpeaks = [...all].some(isAccount);
  const shopSpeaks = [...all].some((nick) => isShop(nick) && !isAccount(nick));
  const leftOver = rule || accountSpeaks ? MessageRole.SHOP : MessageRole.ACCOUNT;
  const side = (nick: string): Side => {
    if (isAccount(nick)) return { role: MessageRole.ACCOUNT, unsure: false };
    if (isShop(nick)) return { role: MessageRole.SHOP, unsure: false };
    return { role: leftOver, unsure: !accountSpeaks || shopSpeaks };
  };
  return new Map([...spoken].map((nick) => [nick, side(foldName(nick))]));
}
