import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { createParser } from 'eventsource-parser';
import { describe, expect, it } from 'vitest';
import { EventService } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { encodeCursor } from '../../../../services/gateway/events/cursor.ts';
import { listenRpc } from '../../../../services/lib/http/server/rpc-server.ts';
import { eventually } from '../../../support/eventually.ts';
import { startRestApp } from '../../../support/gateway/rest-fixture.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';

const start = encodeCursor({ generationId: 'log-1', position: 0n });

type Harness = ReturnType<typeof watchHarness>;

/** Adds events in many turns of the loop, some alone and some several at once. */
async function addSlowly(harness: Harness, count: number): Promise<string[]> {
  const events: string[] = [];
  for (let i = 0; i < count; i++) {
    events.push(
      harness.log.add({ payload: { case: 'sessionChanged', value: { reason: 'x'.repeat(i * 20) } } }).sessionId,
    );
    if (i % 5 > 0) await turn();
  }
  return events;
}

describe('events over the RPC port', () => {
  const transports: [string, (baseUrl: string) => Transport][] = [
    ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
    ['gRPC with JSON', (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: false })],
    ['gRPC-Web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' })],
    ['Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true })],
    ['Connect with JSON', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false })],
  ];

  it.each(transports)('come once and in order by %s, first pulled and then pushed, and then the end', async (_, to) => {
    await using harness = watchHarness();
    const { routes, interceptors } = harness;
    const server = await listenRpc({ routes, interceptors, host: '127.0.0.1', port: 0 });
    const events = await addSlowly(harness, 300);
    const seen: string[] = [];
    const read = async () => {
      const client = createClient(EventService, to(`http://127.0.0.1:${server.port}`));
      for await (const { kind } of client.watchEvents({ cursor: start }))
        if (kind.case === 'event') seen.push(kind.value.sessionId);
    };
    const end = read().catch((error) => error);
    await eventually(() => expect(seen.length).toBeGreaterThan(0));
    events.push(...(await addSlowly(harness, 300)));
    await eventually(() => expect(seen).toHaveLength(events.length));
    events.push(...(await addSlowly(harness, 30)));
    await eventually(() => expect(seen).toEqual(events));
    harness.stop();
    expect(ConnectError.from(await end).code).toBe(Code.Unavailable);
    await server.close(1_000);
  });
});

describe('an SSE client that stops reading', () => {
  it('delays no other client, lets the server buffer little, and gets all events once it reads on', async () => {
    await using harness = watchHarness();
    const app = await startRestApp(harness.routes);
    const sockets: Socket[] = [];
    app.server.on('connection', (socket) => sockets.push(socket));
    const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
    const [slow, fast] = [await sseClient(baseUrl), await sseClient(baseUrl)];
    const events = [harness.log.add().sessionId];
    await eventually(() => expect([slow.seen(), fast.seen()]).toEqual([events, events]));
    slow.response.pause();
    const reason = 'x'.repeat(10_000);
    for (let i = 0; i < 2_000; i++) {
      events.push(harness.log.add({ payload: { case: 'sessionChanged', value: { reason } } }).sessionId);
      if (i % 8 === 0) await turn();
    }
    await eventually(() => expect(fast.seen()).toEqual(events));
    expect(slow.seen().length).toBeLessThan(events.length);
    expect(Math.max(...sockets.map((socket) => socket.writableLength))).toBeLessThan(1024 * 1024);
    slow.response.resume();
    await eventually(() => expect(slow.seen()).toEqual(events));
    harness.stop();
    await app.close();
  });
});

/** A client whose reading can be stopped; `seen` are the sessions of its events. */
async function sseClient(baseUrl: string) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${baseUrl}/api/events/stream`, { agent: false }, resolve).on('error', reject);
  });
  const sessions: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => sessions.push(JSON.parse(data).session_id) });
  response.setEncoding('utf8').on('data', (chunk: string) => parser.feed(chunk));
  return { response, seen: () => sessions };
}
