import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a receiver answers one request: a status with headers, or silence. */
export type Answer = number | { status: number; headers: Record<string, string> } | 'silence';

export interface ReceivedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly answered: Answer;
}

/** A webhook's receiver on a port of its own. It answers as it was told, then 200, and remembers what it got. */
export class Receiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #answers: Answer[] = [];
  readonly #silent = new Set<ServerResponse>();
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
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
      request.on('end', () => this.#respond(request.headers, body, response));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  #respond(headers: IncomingHttpHeaders, body: string, response: ServerResponse): void {
    const answered = this.#answers.shift() ?? 200;
    this.requests.push({ headers, body, answered });
    if (answered === 'silence') this.#silent.add(response);
    else if (typeof answered === 'number') response.writeHead(answered).end('received');
    else response.writeHead(answered.status, answered.headers).end('received');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.goAway();
  }
}
