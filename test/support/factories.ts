let counter = 0;

/** A number that is unique in this test process. */
export function unique(): string {
  counter += 1;
  return `${process.pid}-${counter}`;
}

/** The body of a session creation, for an account and a shop that no other session uses. */
export function sessionBody(overrides: Record<string, unknown> = {}) {
  const n = unique();
  return {
    account_id: `t-acc-${n}`,
    shop_id: `shop-${n}`,
    shop_name: `店铺${n}`,
    task_type: 'auto_bargain',
    external_task_id: `ext-${n}`,
    send_content: `您好，可以便宜一点吗？(${n})`,
    ...overrides,
  };
}

/** One message as a receiver uploads it. */
export interface UploadedMessage {
  id: string;
  nick: string;
  content: string;
  time?: string;
}

/** The uploads of one chat window: every batch has all of its messages, as receivers send them. */
export class ChatWindow {
  readonly messages: UploadedMessage[] = [];
  readonly parties: { account_id: string; shop_id: string; shop_name: string };
  readonly #now: () => number;

  constructor(parties: { account_id: string; shop_id: string; shop_name: string }, now: () => number = Date.now) {
    this.parties = parties;
    this.#now = now;
  }

  /** Adds a message of the shop. */
  shop(content: string, at?: number): this {
    return this.#add(this.parties.shop_name, content, at);
  }

  /** Adds a message of our account, from the bot or a human. */
  account(content: string, at?: number): this {
    return this.#add(this.parties.account_id, content, at);
  }

  #add(nick: string, content: string, at = this.#now()): this {
    this.messages.push({ id: `m-${unique()}`, nick, content, time: new Date(at).toISOString() });
    return this;
  }

  /** The body of an upload of the whole window. */
  batch(overrides: Record<string, unknown> = {}) {
    return { shop_name: this.parties.shop_name, shop_id: this.parties.shop_id, messages: this.messages, ...overrides };
  }
}
