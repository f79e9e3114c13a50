import { expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { SseFrame } from '../support/http/rest-client.ts';

/** Reads frames up to and including the first that `last` accepts. */
async function until(frames: AsyncGenerator<SseFrame>, last: (frame: SseFrame) => boolean): Promise<SseFrame[]> {
  const seen: SseFrame[] = [];
  for (;;) {
    const { done, value } = await frames.next();
    if (done) throw new Error(`the stream ended after ${seen.map((f) => f.event).join(', ')}`);
    seen.push(value);
    if (last(value)) return seen;
  }
}

const isStatus = (status: string) => (frame: SseFrame) =>
  frame.data.status === status && frame.event === 'status_change';

onEveryBackend('event streams', (system) => {
  it('show a session’s whole life in order, and resume from any cursor without loss', async () => {
    const { create, claimAndFetch, complete, takeOver, release } = flowSteps(system());
    const { rest } = system();
    using stop = disposableAbort();
    const all = await rest.stream('/api/events/stream', stop.signal);
    const { body, data } = await create();
    const sent = await claimAndFetch(body.account_id);
    await rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    await rest.ok(takeOver(sent.sessionId));
    await rest.ok(release(sent.sessionId));
    const mine = (await until(all, isStatus('bot_active'))).filter((f) => f.data.session_id === data.session_id);
    expect(mine.map((f) => f.event)).toEqual([
      'session_created',
      'task_created',
      'task_fetched',
      'task_completed',
      'state_change',
      'status_change',
      'manual_message',
      'manual_message',
      'status_change',
    ]);
    const seconds = mine.at(-1)?.data.timestamp;
    expect(Math.abs(seconds - Date.now() / 1_000)).toBeLessThan(60);
    expect(JSON.stringify(mine)).not.toContain(body.send_content);
    const idless = mine.filter((f) => f.id === undefined).map((f) => f.event);
    expect(idless).toEqual(['status_change', 'manual_message']); // all but the last frame of an event

    for (const [index, frame] of mine.entries()) {
      if (!frame.id) continue;
      using again = disposableAbort();
      const rest2 = await rest.stream(`/api/sessions/${data.session_id}/events`, again.signal, {
        'last-event-id': frame.id,
      });
      const expected = mine.slice(index + 1).map((f) => f.event);
      const replayed = expected.length === 0 ? [] : await until(rest2, (f) => f.id === mine.at(-1)?.id);
      expect(replayed.map((f) => f.event)).toEqual(expected);
    }
  });

  it('filter by type, account, shop and session', async () => {
    const { create, takeOver } = flowSteps(system());
    const { rest } = system();
    using stop = disposableAbort();
    const { body, data } = await create();
    const filters = `types=status_change&account_id=${body.account_id}&shop_id=${body.shop_id}&session=${data.session_id}`;
    const frames = await rest.stream(`/api/events/stream?${filters}`, stop.signal);
    const other = await create();
    await rest.ok(takeOver(other.data.session_id));
    await rest.ok(takeOver(data.session_id));
    const seen = await until(frames, isStatus('manual_live'));
    expect(seen.map((f) => [f.event, f.data.session_id])).toEqual([['status_change', data.session_id]]);
    expect(seen[0]?.id).toBeDefined();
  });

  it('answer a cursor of another log with a resync and a snapshot for one session', async () => {
    const { sentSession } = flowSteps(system());
    const { rest } = system();
    const { sessionId } = await sentSession();
    using stop = disposableAbort();
    const foreign = Buffer.from(JSON.stringify({ i: 'another', p: '1' })).toString('base64url');
    const one = await rest.stream(`/api/sessions/${sessionId}/events?last_event_id=${foreign}`, stop.signal);
    const first = (await one.next()).value as SseFrame;
    expect(first.event).toBe('resync');
    expect(first.data).toMatchObject({ type: 'resync', session_id: sessionId });
    expect(first.data.session).toMatchObject({ session_id: sessionId, state: 'active', status: 'bot_active' });
    await rest.ok(rest.post(`/api/sessions/${sessionId}/pause`));
    const next = (await until(one, (f) => f.data.state === 'paused')).filter((f) => f.event === 'state_change');
    expect(next).toHaveLength(1); // events that the snapshot reflects are not repeated
  });

  it('refuse a session that does not exist', async () => {
    const answer = await system().rest.get('/api/sessions/ses_none/events');
    expect([answer.status, answer.body.error_code]).toEqual([404, 'SESSION_NOT_FOUND']);
  });

  it('carry the same events over gRPC, numbered without gaps', async () => {
    const { sentSession } = flowSteps(system());
    using stop = disposableAbort();
    const stream = system().rpc(EventService).watchEvents({}, { signal: stop.signal, timeoutMs: 30_000 });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next(); // the stream is open
    const { sessionId } = await sentSession();
    const seen: { source: number; sourceSeq: number; type?: string; cursor: string }[] = [];
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const { kind, cursor } = next.value;
      if (kind.case !== 'event' || kind.value.sessionId !== sessionId) continue;
      seen.push({ source: kind.value.source, sourceSeq: kind.value.sourceSeq, type: kind.value.payload.case, cursor });
      if (kind.value.payload.case === 'messagesReceived') break;
    }
    for (const source of new Set(seen.map((event) => event.source))) {
      const numbers = seen.filter((event) => event.source === source).map((event) => event.sourceSeq);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
    expect(seen[0]?.type).toBe('sessionCreated');
  });

  it('start with what happens after the answer’s headers', async () => {
    const { rest } = system();
    for (let i = 0; i < 5; i++) {
      using stop = disposableAbort();
      const frames = await rest.stream('/api/events/stream?types=session_created', stop.signal);
      const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
      await until(frames, (frame) => frame.data.session_id === id);
    }
  });
});

function disposableAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
