import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: the demo's REST client has no generated types
export type Data = any;

/** An error answer of the server. */
export class RestError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, text: string) {
    super(`${status} ${code}: ${text}`);
    this.status = status;
    this.code = code;
  }
}

const RETRY_TIMEOUT_MS = 60_000;
const RETRY_MS = 200;

/**
 * A robust REST client: a request without an answer, or with a 503, is retried with the same Idempotency-Key, so killing and
 * restarting the server only costs time.
 */
export class Rest {
  readonly baseUrl: string;
  readonly #retryTimeoutMs: number;
  #retries = 0;

  /** `retryTimeoutMs`: how long a request is retried, longer than the longest outage that its caller expects. */
  constructor(baseUrl: string, retryTimeoutMs = RETRY_TIMEOUT_MS) {
    this.baseUrl = baseUrl;
    this.#retryTimeoutMs = retryTimeoutMs;
  }

  /** Whether a system is up at this address. */
  static isUp(baseUrl: string): Promise<boolean> {
    return fetch(`${baseUrl}/health`).then(
      (response) => response.ok,
      () => false,
    );
  }

  /** The number of retried requests. */
  get retries(): number {
    return this.#retries;
  }

  /** The answer's data. Throws RestError unless the answer is a success. */
  async get(path: string, headers: Record<string, string> = {}): Promise<Data> {
    return this.#data(await this.#send('GET', path, undefined, headers));
  }

  /** A write; otherwise like `get`. */
  async post(path: string, body: object = {}): Promise<Data> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    return this.#data(await this.#send('POST', path, JSON.stringify(body), headers));
  }

  /** The data of an answer, also of one without a task. */
  async poll(path: string): Promise<Data> {
    return (await this.#send('GET', path, undefined, {})).body.data;
  }

  #data({ status, body }: { status: number; body: Data }): Data {
    if (status === 200 && body.success) return body.data;
    throw new RestError(status, body.error_code, body.detail);
  }

  async #send(method: string, path: string, body: string | undefined, headers: Record<string, string>) {
    const deadline = performance.now() + this.#retryTimeoutMs;
    for (;;) {
      const outcome = await this.#once(method, path, body, headers);
      if (outcome && outcome.status !== 503 && outcome.status !== 504) return outcome;
      const last = outcome ? `${outcome.status} ${outcome.body.error_code}` : 'no answer';
      if (performance.now() > deadline)
        throw new Error(`${method} ${path}: ${last}, for ${this.#retryTimeoutMs / 1_000} s`);
      this.#retries += 1;
      await delay(RETRY_MS);
    }
  }

  async #once(method: string, path: string, body: string | undefined, headers: Record<string, string>) {
    try {
      const response = await fetch(`${this.baseUrl}${path}`, { method, body, headers });
      return { status: response.status, body: (await response.json()) as Data };
    } catch {
      return undefined; // no answer: the server is down, or stopped during the request
    }
  }
}
