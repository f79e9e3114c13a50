import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** An order system that answers as it is told to, on a port of its own. */
export interface OrderSystem extends AsyncDisposable {
  readonly url: string;
  /** What it was asked, in order: path and query. */
  readonly asked: string[];
  /** How it answers from now on. */
  answer: Handle;
}

/** Answers with JSON. */
export function says(body: unknown, status = 200): Handle {
  return (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers with the page of the order that the query names. */
export const saysPage: Handle = (request, response) => {
  const order = new URL(request.url ?? '', 'http://x').searchParams.get('order');
  says({ send_url: `https://chat.example/${order}` })(request, response);
};

/** Never answers. */
export const hangs: Handle = () => {};

export async function startOrderSystem(): Promise<OrderSystem> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    system.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const system: OrderSystem = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: saysPage,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return system;
}
