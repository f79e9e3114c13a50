import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** The response to one request: a status with headers and body, none, or a closed connection after the whole request. */
export type WebhookResponse =
  | number
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'silence'
  | 'drop';

export interface ReceivedRequest {
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly answered: WebhookResponse;
}

/** A webhook receiver on its own port. It returns the scripted responses, then the default one, and records the requests. */
export class WebhookReceiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #scriptedResponses: WebhookResponse[] = [];
  readonly #unanswered = new Set<ServerResponse>();
  readonly #defaultResponse: (body: string) => WebhookResponse;
  #server: Server | undefined;
  #port = 0;

  constructor(defaultResponse: (body: string) => WebhookResponse) {
    this.#defaultResponse = defaultResponse;
  }

  static async start(defaultResponse: (body: string) => WebhookResponse = () => 200): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(defaultResponse);
    await receiver.listen();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** Sets the responses to the next requests, in order. */
  respondWith(...responses: WebhookResponse[]): void {
    this.#scriptedResponses.push(...responses);
  }

  /** The delivery ids that got a 2xx, in order. */
  get accepted(): string[] {
    const acceptedRequests = this.requests.filter(({ answered }) => typeof answered === 'number' && answered < 300);
    return acceptedRequests.map(({ headers }) => String(headers['x-autosession-delivery']));
  }

  /** Refuses connections from now on. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const response of this.#unanswered) response.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Listens again, on the same port. */
  async listen(): Promise<void> {
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
    const answered = this.#scriptedResponses.shift() ?? this.#defaultResponse(body);
    this.requests.push({ url, headers, body, answered });
    if (answered === 'silence') this.#unanswered.add(response);
    else if (answered === 'drop') response.destroy();
    else if (typeof answered === 'number') response.writeHead(answered).end('received');
    else response.writeHead(answered.status, answered.headers).end(answered.body ?? 'received');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
