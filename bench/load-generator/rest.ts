import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Json = any;

export interface LoadResponse {
  readonly status: number;
  readonly retryAfter?: string;
  readonly body: Json;
}

/** How often a refused request is sent before it counts as failed. */
const MAX_ATTEMPTS = 20;

/** An answer that is not a success. */
export class UnexpectedResponseError extends Error {
  constructor(path: string, { status, body }: LoadResponse) {
    super(`${path}: ${status} ${JSON.stringify(body)}`);
  }
}

/** A minimal REST client with keep-alive connections: the server cannot use the CPU that the load generator takes. */
export class LoadRestClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'lifo' });
  readonly #host: string;
  readonly #port: string;
  /** Refused requests that were retried. */
  refused = 0;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = port;
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<LoadResponse> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const own = bytes && { 'content-type': 'application/json', 'content-length': bytes.length };
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, host: this.#host, port: this.#port, method, path };
      const sent = request({ ...options, headers: { ...own, ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'],
            body: JSON.parse(Buffer.concat(chunks).toString() || 'null'),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  /** The data of a success; throws UnexpectedResponseError on anything else. A 503 with Retry-After is retried after that time. */
  async data(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Json> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.send(method, path, body, headers);
      if (answer.status === 200) return answer.body.data;
      if (answer.status !== 503 || answer.retryAfter === undefined || attempt === MAX_ATTEMPTS)
        throw new UnexpectedResponseError(path, answer);
      this.refused += 1;
      await delay(Number(answer.retryAfter) * 1_000 * (0.5 + Math.random() / 2));
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
