/** A message as a receiver reads it. */
export interface ScreenMessage {
  readonly id: string;
  readonly nick: string;
  readonly content: string;
  readonly time: string;
}

/** The chat window of one shop on the marketplace's page; bot, human and shop type into it. */
export class ShopWindow {
  readonly shopName: string;
  readonly shopId: string;
  readonly accountId: string;
  readonly #messages: ScreenMessage[] = [];

  constructor(parties: { shopName: string; shopId: string; accountId: string }) {
    this.shopName = parties.shopName;
    this.shopId = parties.shopId;
    this.accountId = parties.accountId;
  }

  /** Adds a message. */
  type(side: 'account' | 'shop', content: string): ScreenMessage {
    const message = {
      id: `${this.shopId}-${this.#messages.length + 1}`,
      nick: side === 'account' ? this.accountId : this.shopName,
      content,
      time: new Date().toISOString(),
    };
    this.#messages.push(message);
    return message;
  }

  /** All messages of the window: a receiver uploads all of them each time. */
  visible(): readonly ScreenMessage[] {
    return [...this.#messages];
  }
}
