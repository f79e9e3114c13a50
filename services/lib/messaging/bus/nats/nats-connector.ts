import { type ConnectionOptions, connect, type JetStreamManager, type NatsConnection } from 'nats';
import type { Logger } from '../../../observability/logger.ts';
import { awaitServer } from '../../../runtime/await-server.ts';
import { NatsPublisher } from './nats-publisher.ts';

/** One connection to NATS; it never reconnects by itself. */
export interface NatsClient {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly publisher: NatsPublisher;
}

/** The timeout of a request. */
export const REQUEST_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;
const PING_INTERVAL_MS = 10_000;
/** Codes of errors that a retry does not solve. */
const PERMANENT_ERROR_CODES = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'PERMISSIONS_VIOLATION',
  'BAD_AUTHENTICATION',
]);

/**
 * The connection to NATS, opened on demand and again after it was lost. The client's own reconnecting is off: it would send
 * pending messages to the next server that answers, which may be one that lost its data.
 */
export class NatsConnector implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #url: string;
  readonly #address: string;
  readonly #logger: Logger;
  #client: Promise<NatsClient> | undefined;
  #isClosed = false;
  #wasLost = false;

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#options = connectionOptions(url);
    this.#address = [this.#options.servers].flat().join(', ');
    this.#logger = logger;
  }

  /** The open connection; callers that ask while it is opened share it. Throws when NATS cannot be reached. */
  current(): Promise<NatsClient> {
    if (this.#isClosed) return Promise.reject(new Error('the event log is closed'));
    this.#client ??= this.#connect().catch((error) => {
      this.#client = undefined;
      throw new Error(`NATS at ${this.#address} cannot be reached: ${messageOf(error)}`, { cause: error });
    });
    return this.#client;
  }

  /** Waits for a server that is still starting. Throws ServerUnreachableError. */
  async waitForServer(): Promise<void> {
    const server = { name: 'NATS', url: this.#url, setting: 'NATS_URL', logger: this.#logger };
    const connect = () => this.current().catch((error) => Promise.reject(error.cause ?? error));
    await awaitServer(server, connect, (error) => PERMANENT_ERROR_CODES.has((error as { code?: string }).code ?? ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.nc.close();
  }

  async #connect(): Promise<NatsClient> {
    const nc = await connect(this.#options);
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: true, timeout: REQUEST_TIMEOUT_MS });
      this.#watchClose(nc);
      return { nc, jsm, publisher: new NatsPublisher(nc, REQUEST_TIMEOUT_MS) };
    } catch (error) {
      await nc.close();
      throw error;
    }
  }

  #watchClose(nc: NatsConnection): void {
    if (this.#wasLost) this.#logger.info({ event: 'nats_back' }, `NATS at ${this.#address} is back`);
    this.#wasLost = false;
    void nc.closed().then((error) => {
      this.#client = undefined;
      if (this.#isClosed) return;
      this.#wasLost = true;
      this.#logger.warn({ event: 'nats_lost', error: error?.message }, `NATS at ${this.#address} was lost`);
    });
  }
}

/** `nats://user:password@host:4222`, or `nats://token@host`; several behind commas; `tls://` for TLS. */
function connectionOptions(url: string): ConnectionOptions {
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
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
