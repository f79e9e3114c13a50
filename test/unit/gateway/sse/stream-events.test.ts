import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { eventually } from '../../../support/eventually.ts';
import { startRestApp } from '../../../support/gateway/rest-fixture.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';
import { restClient, type SseFrame } from '../../../support/http/rest-client.ts';

const clients: AbortController[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.abort();
});

/** A harness with REST on its own port. */
async function sseWorld(options: Parameters<typeof watchHarness>[0] = {}) {
  const harness = watchHarness(options);
  const app = await startRestApp(harness.routes);
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
  const rest = restClient(baseUrl);
  return {
    ...harness,
    app,
    baseUrl,
    rest,
    stream: async (path: string, headers: Record<string, string> = {}) => {
      const client = new AbortController();
      clients.push(client);
      return { frames: await rest.stream(path, client.signal, headers), close: () => client.abort() };
    },
    openStreams: async () => (await harness.metrics.streams.get()).values[0]?.value ?? 0,
    [Symbol.asyncDispose]: async () => {
      harness.stop();
      for (const client of clients) client.abort();
      await app.close();
      await harness[Symbol.asyncDispose]();
    },
  };
}

const next = async (frames: AsyncGenerator<SseFrame>) => (await frames.next()).value as SseFrame;

const takeOver = {
  sessionId: 'ses_known',
  payload: {
    case: 'sessionChanged' as const,
    value: {
      command: 'take_over',
      session: { status: Control.MANUAL_LIVE, state: SessionState.TRANSFERRED, assignedAgent: { agentName: '小王' } },
      previousStatus: Control.PENDING_MANUAL,
    },
  },
};

describe('an SSE stream', () => {
  it('begins at once, unbuffered, with the pace of a reconnect', async () => {
    await using harness = await sseWorld();
    const client = new AbortController();
    clients.push(client);
    const response = await fetch(`${harness.baseUrl}/api/events/stream`, { signal: client.signal });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      'transfer-encoding': 'chunked',
      'x-request-id': expect.stringMatching(/^req_/),
    });
    const reader = response.body!.getReader();
    const text = new TextDecoder().decode((await reader.read()).value);
    expect(text).toMatch(/^retry: 2000\n\n/);
  });

  it('shows what happens after its headers, and resumes behind any id', async () => {
    await using harness = await sseWorld();
    const { frames } = await harness.stream('/api/sessions/ses_known/events');
    harness.log.add();
    harness.log.add(takeOver);
    const first = await next(frames);
    const second = await next(frames);
    expect([first.event, first.id, second.event]).toEqual(['status_change', undefined, 'manual_message']);
    harness.log.add({ ...takeOver, sourceSeq: 2 });
    const again = await harness.stream('/api/events/stream?session=ses_known', { 'last-event-id': second.id ?? '' });
    expect(await next(again.frames)).toMatchObject({ event: 'status_change' });
    const other = await harness.stream(`/api/sessions/ses_known/events?last_event_id=${second.id}`);
    expect(await next(other.frames)).toMatchObject({ event: 'status_change' });
  });

  it('shows only frames of the wanted types', async () => {
    await using harness = await sseWorld();
    const { frames } = await harness.stream('/api/events/stream?types=manual_message,task_fetched');
    harness.log.add(takeOver);
    const frame = await next(frames);
    expect([frame.event, typeof frame.id]).toEqual(['manual_message', 'string']);
  });

  it('shows its own frames of an event that other streams share', async () => {
    await using harness = await sseWorld();
    const all = await harness.stream('/api/events/stream');
    const lines = await harness.stream('/api/events/stream?types=manual_message');
    const add = (sourceSeq: number) => harness.log.add({ ...takeOver, sourceSeq });
    for (let sourceSeq = 1; sourceSeq <= 3; sourceSeq++) {
      add(sourceSeq);
      const [change, line] = [await next(all.frames), await next(all.frames)];
      expect([change.event, change.id, line.event]).toEqual(['status_change', undefined, 'manual_message']);
      expect(await next(lines.frames)).toEqual(line);
    }
  });

  it('is told over HTTP/1.0 too', async () => {
    await using harness = await sseWorld();
    const socket = connect(Number(new URL(harness.baseUrl).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.write('GET /api/events/stream HTTP/1.0\r\n\r\n');
    await eventually(() => expect(text).toContain(': heartbeat'));
    for (const { sessionId } of [harness.log.add(), harness.log.add()])
      await eventually(() => expect(text).toContain(`"session_id":"${sessionId}"`));
    expect(text.slice(text.indexOf('retry: '))).not.toContain('\r\n');
    socket.destroy();
  });

  it('can be resumed from before its first event', async () => {
    await using harness = await sseWorld();
    const client = new AbortController();
    clients.push(client);
    const response = await fetch(`${harness.baseUrl}/api/events/stream`, { signal: client.signal });
    let text = '';
    for await (const chunk of response.body!) {
      text += new TextDecoder().decode(chunk);
      if (text.includes('id: ')) break;
    }
    const id = /^id: (.*)$/m.exec(text)?.[1] ?? '';
    const { eventId } = harness.log.add();
    expect(eventId).toBeDefined();
    const { frames } = await harness.stream('/api/events/stream', { 'last-event-id': id });
    expect(await next(frames)).toMatchObject({ event: 'state_change' });
  });

  it('that cannot begin is answered like any request', async () => {
    await using harness = await sseWorld();
    const none = await harness.rest.get('/api/sessions/ses_none/events');
    expect([none.status, none.body.error_code]).toEqual([404, 'SESSION_NOT_FOUND']);
    const garbage = await harness.rest.get('/api/events/stream?last_event_id=garbage');
    expect([garbage.status, garbage.data]).toEqual([400, { field: 'cursor' }]);
    harness.log.disconnect();
    expect((await harness.rest.get('/api/events/stream')).status).toBe(503);
  });

  it('ends on the server when the client goes', async () => {
    await using harness = await sseWorld();
    const streams = await Promise.all([1, 2, 3].map(() => harness.stream('/api/events/stream')));
    await eventually(async () => expect(await harness.openStreams()).toBe(3));
    for (const stream of streams) stream.close();
    await eventually(async () => expect(await harness.openStreams()).toBe(0));
  });

  it('says why it ends, at the stop', async () => {
    await using harness = await sseWorld();
    const { frames } = await harness.stream('/api/events/stream');
    await eventually(async () => expect(await harness.openStreams()).toBe(1));
    harness.stop();
    expect(await next(frames)).toMatchObject({ event: 'error', data: { error_code: 'SERVICE_UNAVAILABLE' } });
    expect((await frames.next()).done).toBe(true);
  });

  it('that is not read delays no other client, and ends with its client', async () => {
    await using harness = await sseWorld();
    const { port } = new URL(harness.baseUrl);
    const socket = connect(Number(port), '127.0.0.1');
    socket.pause();
    socket.write('GET /api/events/stream HTTP/1.1\r\nhost: x\r\n\r\n');
    await eventually(async () => expect(await harness.openStreams()).toBe(1));
    const big = { command: 'activate', reason: 'x'.repeat(10_000) };
    for (let i = 0; i < 3_000; i++) harness.log.add({ payload: { case: 'sessionChanged', value: big } });
    const other = await harness.stream('/api/events/stream');
    const { sessionId } = harness.log.add();
    for (let frame = await next(other.frames); frame.data.session_id !== sessionId; ) frame = await next(other.frames);
    socket.destroy();
    await eventually(async () => expect(await harness.openStreams()).toBe(1));
  });
});
