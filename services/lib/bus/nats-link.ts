import { type ConnectionOptions, connect, type JetStreamManager, type NatsConnection } from 'nats';
import { awaitServer } from '../await-server.ts';
import type { Logger } from '../log.ts';
import { NatsPublisher } from './nats-publisher.ts';

/** One connection to NATS, from its beginning to its end: it is never made again behind its user's back. */
export interface NatsLink {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly publisher: NatsPublisher;
}

/** What a request may take. */
export const REQUEST_MS = 5_000;
const DIAL_MS = 2_000;
const PING_MS = 10_000;
/** Errors that waiting does not help, by the client's codes. */
const FINAL = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'PERMISSIONS_VIOLATION',
  'BAD_AUTHENTICATION',
]);

/**
 * The connection to NATS, made when it is asked for and made anew after it was lost. The client's own reconnecting is off:
 * it would send what is under way to whatever answers next, which may be a server that lost its data.
 */
export class NatsLinks implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #url: string;
  readonly #address: string;
  readonly #logger: Logger;
  #link: Promise<NatsLink> | undefined;
  #stopped = false;
  #lost = false;

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#options = optionsOf(url);
    this.#address = [this.#options.servers].flat().join(', ');
    this.#logger = logger;
  }

  /** The living link; everybody who asks while it is made waits for the same one. Throws when NATS cannot be reached. */
  current(): Promise<NatsLink> {
    if (this.#stopped) return Promise.reject(new Error('the event log is closed'));
    this.#link ??= this.#dial().catch((error) => {
      this.#link = undefined;
      throw new Error(`NATS at ${this.#address} cannot be reached: ${text(error)}`, { cause: error });
    });
    return this.#link;
  }

  /** Waits for a server that is about to start. Throws ServerNotReached. */
  async waitForServer(): Promise<void> {
    const server = { name: 'NATS', url: this.#url, setting: 'NATS_URL', logger: this.#logger };
    const connect = () => this.current().catch((error) => Promise.reject(error.cause ?? error));
    await awaitServer(server, connect, (error) => FINAL.has((error as { code?: string }).code ?? ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    const link = await this.#link?.catch(() => undefined);
    await link?.nc.close();
  }

  async #dial(): Promise<NatsLink> {
    const nc = await connect(this.#options);
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: true, timeout: REQUEST_MS });
      this.#watch(nc);
      return { nc, jsm, publisher: new NatsPublisher(nc, REQUEST_MS) };
    } catch (error) {
      await nc.close();
      throw error;
    }
  }

  #watch(nc: NatsConnection): void {
    if (this.#lost) this.#logger.info({ event: 'nats_back' }, `NATS at ${this.#address} is back`);
    this.#lost = false;
    void nc.closed().then((error) => {
      this.#link = undefined;
      if (this.#stopped) return;
      this.#lost = true;
      this.#logger.warn({ event: 'nats_lost', error: error?.message }, `NATS at ${this.#address} was lost`);
    });
  }
}

/** `nats://user:password@host:4222`, or `nats://token@host`; several behind commas; `tls://` for TLS. */
function optionsOf(url: string): ConnectionOptions {
  const urls = url.split(',').map((part) => new URL(part.includes('://') ? part.trim() : `nats://${part.trim()}`));
  const [first] = urls;
  const user = decodeURIComponent(first?.username ?? '');
  const pass = decodeURIComponent(first?.password ?? '');
  return {
    name: 'auto-session',
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || 4222}`),
    ...(user && pass ? { user, pass } : user ? { token: user } : {}),
    ...(first?.protocol === 'tls:' ? { tls: {} } : {}),
    reconnect: false,
    timeout: DIAL_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
