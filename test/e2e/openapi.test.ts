import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleIds, exampleOf } from '../../services/gateway/openapi/document/examples.ts';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import {
  documentedOperations,
  openApiDocument,
  requestBodyErrors,
  responseErrors,
  schemaErrors,
} from '../support/http/openapi-document.ts';
import type { Json, RestResponse } from '../support/http/rest-client.ts';
import { isStreamOperation, sampleRequestOf, sendSample } from '../support/http/sample-request.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem('embedded');
});
afterAll(() => system[Symbol.asyncDispose]());

/** The real ids for those of the examples. */
const now: Record<keyof typeof exampleIds, string> = { ...exampleIds };
const run = new Set<string>();

/** Sends an operation's example, but for what only an earlier answer tells; returns the answer. */
async function sendExample(operationId: string, expected = 200): Promise<Json> {
  const located = documentedOperations.get(operationId);
  if (!located) throw new Error(`no operation ${operationId}`);
  const [date = '', time = ''] = new Date(system.clock.now()).toISOString().split(/[T.]/);
  const sample = Object.entries(exampleIds)
    .reduce(
      (text, [name, id]) => text.replaceAll(id, now[name as keyof typeof exampleIds]),
      JSON.stringify(sampleRequestOf(located, openApiDocument)),
    )
    .replaceAll(/2026-11-21 \d\d:\d\d:\d\d/g, `${date}T${time}Z`);
  const { status, body } = await sendSample(JSON.parse(sample), system.rest.baseUrl);
  expect({ operationId, status, body }).toMatchObject({ status: expected });
  expect(responseErrors(operationId, status, body)).toEqual([]);
  run.add(operationId);
  return body;
}

/** The names in a value, without what it says. */
function shapeOf(value: Json): Json {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]));
}

describe('the document’s examples', () => {
  it('are the main flow, and the answers are of their shape', async () => {
    for (const operationId of [
      'createSession',
      'claimNextTask',
      'getSendInfo',
      'completeSessionTask',
      'ingestMessages',
    ]) {
      const answer = await sendExample(operationId);
      expect(shapeOf(answer)).toEqual(shapeOf(exampleOf(operationId).response));
      now.session = answer.data.session_id ?? now.session;
      now.task = answer.data.task_id ?? now.task;
      now.lease = answer.data.lease_token ?? now.lease;
    }
  });

  it('read what the main flow has left', async () => {
    const reads = ['getSessionStatus', 'getOpenSession', 'listMessages', 'getTask', 'getTaskStats'];
    for (const operationId of [...reads, 'listTasks', 'listPendingTasks']) await sendExample(operationId);
    expect((await sendExample('listMessages')).data.messages).toHaveLength(2);
  });

  it('work on a task in every way', async () => {
    for (const [last, status] of [
      ['requeueTask', 'pending'],
      ['failTask', 'failed'],
      ['completeTask', 'completed'],
    ] as const) {
      now.task = (await sendExample('addSessionTask')).data.task_id;
      now.lease = (await sendExample('claimNextTask')).data.lease_token;
      await sendExample('extendLease');
      expect((await sendExample(last)).data.task_status).toBe(status);
      if (last === 'requeueTask') await sendExample('cancelTask');
    }
  });

  it('hand a session over and back, list what happened, and close it', async () => {
    for (const [operationId, state] of [
      ['pauseSession', 'paused'],
      ['resumeSession', 'active'],
      ['escalateSession', 'transferred'],
      ['takeOverSession', 'transferred'],
      ['releaseSession', 'active'],
      ['closeSession', 'completed'],
      ['archiveSession', 'archived'],
    ] as const) {
      const { data } = await sendExample(operationId);
      expect((data.session ?? data).state).toBe(state);
      if (operationId === 'escalateSession') await showWaiting();
    }
    expect((await sendExample('listAuditEntries')).data.entries.length).toBeGreaterThan(0);
  });

  /** The examples of what is there while a session waits for a human. */
  async function showWaiting(): Promise<void> {
    await eventually(async () => expect((await sendExample('listHandovers')).data.handovers).toHaveLength(1));
    now.reminder = (await sendExample('listReminders')).data.reminders[0].reminder_id;
    expect((await sendExample('acknowledgeReminder')).data.acknowledged_by).toBe('agent_01');
  }

  it('read and set accounts and shops', async () => {
    for (const operationId of ['putAccount', 'getAccount', 'putShop', 'getShop']) await sendExample(operationId);
    expect((await sendExample('listAccounts')).data.accounts).toHaveLength(1);
    expect((await sendExample('listShops')).data.shops).toHaveLength(1);
  });
});

describe('the document', () => {
  it('describes the answer of an empty queue, which is no error', async () => {
    const { status, body } = await system.rest.get('/api/tasks/next_id?account_id=nobody');
    expect(body).toMatchObject({ success: false, data: { task_id: null } });
    expect(responseErrors('claimNextTask', status, body)).toEqual([]);
  });

  it('detects an answer that it does not describe', async () => {
    const { body } = await system.rest.get('/api/tasks/stats');
    expect(responseErrors('getTaskStats', 200, body)).toEqual([]);
    const { total, ...less } = body.data;
    for (const data of [less, { ...less, total: 'many' }, { ...less, total, more: 1 }])
      expect(responseErrors('getTaskStats', 200, { ...body, data })).toHaveLength(1);
    expect(responseErrors('getTaskStats', 418, body)).toHaveLength(1);
  });

  it('describes what every other operation answers to its sample', async () => {
    const others = [...documentedOperations].filter(
      ([id, { operation }]) => !run.has(id) && !isStreamOperation(operation),
    );
    for (const [operationId, { operation }] of others) {
      const sample = sampleRequestOf(documentedOperations.get(operationId)!, openApiDocument);
      const { status } = await sendSample(sample, system.rest.baseUrl);
      expect({ operationId, documented: Object.keys(operation.responses) }).toMatchObject({
        documented: expect.arrayContaining([String(status)]),
      });
      if (operation.tags[0] === 'System' && status === 200) await sendExample(operationId);
    }
  });

  it('describes the frames of a stream', async () => {
    const aborter = new AbortController();
    const frames = await system.rest.stream('/api/events/stream', aborter.signal);
    const { sentSession, takeOver, release } = flowSteps(system);
    const { sessionId } = await sentSession();
    await takeOver(sessionId);
    await release(sessionId);
    const types = new Set<string>();
    for await (const { data } of frames) {
      types.add(data.type);
      expect(responseErrors('watchEvents', 200, data)).toEqual([]);
      if (data.command === 'release') break;
    }
    aborter.abort();
    expect([...types]).toEqual(expect.arrayContaining(['session_created', 'task_fetched', 'manual_message']));
  });

  it('describes the snapshot that the cursor of another time is answered with', async () => {
    const { sentSession } = flowSteps(system);
    const { sessionId } = await sentSession();
    await using other = await startTestSystem('embedded');
    const aborter = new AbortController();
    const theirs = await other.rest.stream('/api/events/stream', aborter.signal);
    await flowSteps(other).create();
    const cursor = (await theirs.next()).value?.id;
    const query = `last_event_id=${encodeURIComponent(cursor ?? '')}`;
    const frames = await system.rest.stream(`/api/sessions/${sessionId}/events?${query}`, aborter.signal);
    const resync = (await frames.next()).value?.data;
    expect(resync).toMatchObject({ type: 'resync', session_id: sessionId, tasks: [{ task_status: 'completed' }] });
    expect(responseErrors('watchEventsBySession', 200, resync)).toEqual([]);
    aborter.abort();
  });

  it('describes what is refused', async () => {
    const { create, claimAndFetch, sendInfo, complete, takeOver, release } = flowSteps(system);
    const { rest } = system;
    const { body, data } = await create();
    const expected = async (operationId: string, code: string, pending: Promise<RestResponse>) => {
      const { status, body: answer } = await pending;
      expect(answer.error_code).toBe(code);
      expect({ operationId, faults: responseErrors(operationId, status, answer) }).toEqual({ operationId, faults: [] });
    };
    const post = (path: string, over: unknown) => rest.post(path, over);
    const other = { ...body, external_task_id: 'another', send_content: 'x' };
    await expected('createSession', 'INVALID_ARGUMENT', post('/api/sessions/create', { ...body, level: 'level9' }));
    await expected(
      'createSession',
      'MALFORMED_BODY',
      rest.send('POST', '/api/sessions/create', { body: '[', headers: { 'content-type': 'application/json' } }),
    );
    await expected(
      'createSession',
      'UNSUPPORTED_MEDIA_TYPE',
      rest.send('POST', '/api/sessions/create', { body: '<a/>', headers: { 'content-type': 'text/xml' } }),
    );
    await expected(
      'createSession',
      'TOO_LARGE',
      post('/api/sessions/create', { ...body, extra: 'x'.repeat(1_100_000) }),
    );
    await expected('createSession', 'UNAVAILABLE', post('/api/sessions/create', other));
    const keyed = { 'idempotency-key': 'one' };
    await rest.ok(rest.post('/api/sessions/create', sessionBody(), keyed));
    await expected('createSession', 'IDEMPOTENCY_KEY_REUSED', rest.post('/api/sessions/create', sessionBody(), keyed));
    await expected('getSessionStatus', 'SESSION_NOT_FOUND', rest.get('/api/sessions/ses_none/status'));
    await expected('getTask', 'TASK_NOT_FOUND', rest.get('/api/tasks/tsk_none'));
    await expected('getSendInfo', 'LEASE_LOST', sendInfo(data.task_id, 'not the token'));
    const sent = await claimAndFetch(body.account_id);
    await rest.ok(complete(sent.sessionId, { task_id: sent.taskId, lease_token: sent.token }));
    await expected('cancelTask', 'TASK_DONE', post(`/api/tasks/${sent.taskId}/cancel`, {}));
    await expected('releaseSession', 'INVALID_STATUS', release(data.session_id));
    await takeOver(data.session_id, 'agent_a');
    await expected('takeOverSession', 'ALREADY_TAKEN', takeOver(data.session_id, 'agent_b'));
    await expected('releaseSession', 'NOT_YOUR_SESSION', release(data.session_id, 'agent_b'));
    const more = { external_task_id: 'm', send_content: 'x' };
    await expected('addSessionTask', 'HANDED_OVER', post(`/api/sessions/${data.session_id}/tasks`, more));
    const unrouted = await rest.get('/api/nothing');
    expect(schemaErrors('Error', unrouted.body)).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['nothing more than what is required', {}],
    ['an absent field', { account_id: null }],
    ['an empty field', { account_id: '' }],
    ['edge spaces', { shop_name: ' x' }],
    ['an id as a number', { shop_id: 4711 }],
    ['a name as a number', { shop_name: 4711 }],
    ['an unknown enum name', { task_type: 'bargain' }],
    ['an optional enum name as null', { level: null }],
    ['the largest limit', { max_inactive_minutes: 525_600 }],
    ['a limit that is too large', { max_inactive_minutes: 525_601 }],
    ['no attempts', { max_attempts: 0 }],
    ['an empty platform', { platform: '' }],
    ['a name that is too long', { shop_name: '店'.repeat(101) }],
    ['the longest name', { shop_name: '店'.repeat(100) }],
    ['a time without zone', { not_before_at: '2026-01-31 23:59:59' }],
    ['a date', { not_before_at: '2026-01-31' }],
    ['a field that is unknown', { unheard_of: 1 }],
    ['a flag as text', { vip: 'true' }],
  ])('accepts and refuses the same requests as the server: %s', async (_, over) => {
    const body = { ...sessionBody(), ...over };
    const { status } = await system.rest.post('/api/sessions/create', body);
    expect({ faults: requestBodyErrors('createSession', body).length > 0 }).toEqual({ faults: status === 400 });
  });
});
