import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a receiver answers one request: a status with more, silence, or the end of the connection after the whole request. */
export type Answer = number | { status: number; headers?: Record<string, string>; body?: string } | 'silence' | 'drop';

export interface ReceivedRequest {
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly answered: Answer;
}

/** A webhook's receiver on a port of its own. It answers as it was told, then as it does usually, and remembers what it got. */
export class Receiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #answers: Answer[] = [];
  readonly #silent = new Set<ServerResponse>();
  readonly #usually: (body: string) => Answer;
  #server: Server | undefined;
  #port = 0;

  constructor(usually: (body: string) => Answer) {
    this.#usually = usually;
  }

  static async start(usually: (body: string) => Answer = () => 200): Promise<Receiver> {
    const receiver = new Receiver(usually);
    await receiver.comeBack();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** What the next requests get, in order. */
  answer(...answers: Answer[]): void {
    this.#answers.push(...answers);
  }

  /** The delivery ids that got a 2xx, in order. */
  get accepted(): string[] {
    const taken = this.requests.filter(({ answered }) => typeof answered === 'number' && answered < 300);
    return taken.map(({ headers }) => String(headers['x-autosession-delivery']));
  }

  /** Refuses connections from now on. */
  async goAway(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const response of this.#silent) response.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Listens again, on the same port. */
  async comeBack(): Promise<void> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => this.#respond(request, body, response));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  #respond({ url = '', headers }: IncomingMessage, body: string, response: ServerResponse): void {
    const answered = this.#answers.shift() ?? this.#usually(body);
    this.requests.push({ url, headers, body, answered });
    if (answered === 'silence') this.#silent.add(response);
    else if (answered === 'drop') response.destroy();
    else if (typeof answered === 'number') response.writeHead(answered).end('received');
    else response.writeHead(answered.status, answered.headers).end(answered.body ?? 'received');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.goAway();
  }
}
