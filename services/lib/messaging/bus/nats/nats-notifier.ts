import type { NatsClient, NatsConnector } from './nats-connector.ts';

/**
 * Notifies the relay of another process that records wait: a plain NATS message, which may be lost. Notifications of one turn
 * of the event loop are one message.
 */
export class NatsNotifier {
  readonly #connector: NatsConnector;
  readonly #subject: string;
  readonly #hooks = new Set<() => void>();
  #subscribedOn: NatsClient | undefined;
  #isScheduled = false;

  constructor(connector: NatsConnector, subject: string) {
    this.#connector = connector;
    this.#subject = subject;
  }

  notify(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#connector.current().then(
        ({ nc }) => !nc.isClosed() && nc.publish(this.#subject),
        () => {}, // the relay polls
      );
    });
  }

  onNotify(hook: () => void): Disposable {
    this.#hooks.add(hook);
    return { [Symbol.dispose]: () => void this.#hooks.delete(hook) };
  }

  /** Subscribes on this connection if there are hooks; every new connection needs its own subscription. */
  subscribeOn(client: NatsClient): void {
    if (this.#subscribedOn === client || this.#hooks.size === 0) return;
    this.#subscribedOn = client;
    client.nc.subscribe(this.#subject, {
      callback: () => {
        for (const hook of this.#hooks) hook();
      },
    });
  }
}
