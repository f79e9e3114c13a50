import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** An order system on its own port, whose answers the test sets. */
export interface FakeOrderSystem extends AsyncDisposable {
  readonly url: string;
  /** The paths and queries of its requests, in order. */
  readonly requests: string[];
  /** Sets its answers from now on. */
  respond: RequestHandler;
}

/** Answers with JSON. */
export function respondJson(body: unknown, status = 200): RequestHandler {
  return (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers with the page of the order in the query. */
export const respondSendUrl: RequestHandler = (request, response) => {
  const order = new URL(request.url ?? '', 'http://x').searchParams.get('order');
  respondJson({ send_url: `https://chat.example/${order}` })(request, response);
};

/** Never answers. */
export const neverRespond: RequestHandler = () => {};

export async function startFakeOrderSystem(): Promise<FakeOrderSystem> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    system.respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const system: FakeOrderSystem = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    respond: respondSendUrl,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return system;
}
