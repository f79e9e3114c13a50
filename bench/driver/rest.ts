import { Agent, request } from 'node:http';

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Json = any;

export interface RestAnswer {
  readonly status: number;
  readonly retryAfter?: string;
  readonly body: Json;
}

/** An answer that was no success. */
export class NotOk extends Error {
  readonly status: number;
  constructor(path: string, { status, body }: RestAnswer) {
    super(`${path}: ${status} ${JSON.stringify(body)}`);
    this.status = status;
  }
}

/** REST over kept connections, as thin as it goes: what the driver burns, the server cannot use. */
export class RestDriver implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'lifo' });
  readonly #host: string;
  readonly #port: string;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = port;
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<RestAnswer> {
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

  /** The data of a success; throws NotOk on anything else. */
  async data(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Json> {
    const answer = await this.send(method, path, body, headers);
    if (answer.status !== 200) throw new NotOk(path, answer);
    return answer.body.data;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
