import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of key sets on its own port, whose answers the test sets. */
export interface KeySetServer extends AsyncDisposable {
  readonly url: string;
  /** How often it was asked. */
  readonly asked: number;
  respond: RequestListener;
  /** Answers with these keys from now on. */
  publish(...keys: object[]): void;
}

export async function startKeySetServer(): Promise<KeySetServer> {
  let asked = 0;
  let respond: RequestListener = (_, response) => void response.writeHead(404).end();
  const server: Server = createServer((request, response) => {
    asked += 1;
    respond(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    get asked() {
      return asked;
    },
    get respond() {
      return respond;
    },
    set respond(next) {
      respond = next;
    },
    publish(...keys) {
      respond = (_, response) => void response.end(JSON.stringify({ keys }));
    },
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
