import type { NatsLink, NatsLinks } from './nats-link.ts';

/**
 * Tells the relay of another process that records wait for it: a plain message beside the log, which may be lost. Rings of
 * one turn of the event loop are one message.
 */
export class NatsBell {
  readonly #links: NatsLinks;
  readonly #subject: string;
  readonly #hooks = new Set<() => void>();
  #heardOn: NatsLink | undefined;
  #ringing = false;

  constructor(links: NatsLinks, subject: string) {
    this.#links = links;
    this.#subject = subject;
  }

  ring(): void {
    if (this.#ringing) return;
    this.#ringing = true;
    setImmediate(() => {
      this.#ringing = false;
      this.#links.current().then(
        ({ nc }) => !nc.isClosed() && nc.publish(this.#subject),
        () => {}, // the relay polls
      );
    });
  }

  onRing(hook: () => void): Disposable {
    this.#hooks.add(hook);
    return { [Symbol.dispose]: () => void this.#hooks.delete(hook) };
  }

  /** Listens on this link too when somebody wants to hear; a new link has to be listened on anew. */
  listenOn(link: NatsLink): void {
    if (this.#heardOn === link || this.#hooks.size === 0) return;
    this.#heardOn = link;
    link.nc.subscribe(this.#subject, {
      callback: () => {
        for (const hook of this.#hooks) hook();
      },
    });
  }
}
