import type { NatsClient, NatsConnector } from './nats-connector.ts';

/**
 * Tells the relay of another process that records wait for it: a plain message beside the log, which may be lost. Rings of
 * one turn of the event loop are one message.
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

  /** Listens on this link too when somebody wants to hear; a new link has to be listened on anew. */
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
