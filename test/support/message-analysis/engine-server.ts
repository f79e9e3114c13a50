import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that an engine has sent. */
export interface EngineCall {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: whatever the engine sends
  readonly body: any;
}

/** A server that speaks an engine's protocol, and misbehaves as a test says. */
export interface EngineServer extends AsyncDisposable {
  readonly url: string;
  /** All requests, in order. */
  readonly calls: EngineCall[];
  /** Resolves when a client has closed its connection before the answer was complete. */
  readonly abandoned: Promise<void>;
}

/** Answers one request; `call` is its number, from 0. */
export type AnswerEngine = (response: ServerResponse, call: EngineCall, number: number) => void | Promise<void>;

/** Starts a server on a free port; `await using` stops it. */
export async function startEngineServer(answer: AnswerEngine): Promise<EngineServer> {
  const calls: EngineCall[] = [];
  const { promise: abandoned, resolve } = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const call = { path: request.url ?? '', headers: request.headers, body: JSON.parse(String(Buffer.concat(chunks))) };
    response.once('close', () => response.writableFinished || resolve());
    calls.push(call);
    await answer(response, call, calls.length - 1);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    abandoned,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** Begins a stream of server-sent events. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** One frame of a stream. */
export function frame(data: unknown, event?: string): string {
  return `${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
