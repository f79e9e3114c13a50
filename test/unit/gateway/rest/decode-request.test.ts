import { toJson } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { WatchEventsRequest } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import {
  type IngestMessagesRequest,
  IngestMessagesRequestSchema,
} from '../../../../gen/autosession/message/v1/message_service_pb.js';
import type { CreateSessionRequest } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { QueueLevel, TaskType } from '../../../../gen/autosession/task/v1/task_pb.js';
import { type RequestParts, requestDecoder } from '../../../../services/gateway/rest/decode-request.ts';
import { routesOf } from '../../../../services/gateway/rest/routes.ts';
import { errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { allServices } from '../../../support/gateway/rest-fixture.ts';

const routes = routesOf(allServices);

/** Binds the parts of a request to a route: `bind('POST /api/sessions/create', { body })`. */
function bind<T>(name: string, parts: Partial<RequestParts>): T {
  const route = routes.find(({ method, path }) => `${method} ${path}` === name);
  if (!route) throw new Error(`no route ${name}`);
  return requestDecoder(
    route,
    'Asia/Shanghai',
  )({ path: {}, query: {}, body: {}, headers: {}, ...parts }) as unknown as T;
}

const created = (body: RequestParts['body']) => bind<CreateSessionRequest>('POST /api/sessions/create', { body });

/** The field that a refusal names. */
function refusedField(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return errorInfo(error)?.metadata.field;
  }
  return undefined;
}

describe('a bound body', () => {
  it('reads words, levels, times and numbers', () => {
    const bound = created({
      account_id: 'a',
      task_type: 'auto_bargain',
      level: 'level5',
      vip: true,
      max_attempts: 3,
      not_before_at: '2025-07-18T10:00:00',
    });
    expect(bound).toMatchObject({ accountId: 'a', vip: true, maxAttempts: 3 });
    expect([bound.taskType, bound.level]).toEqual([TaskType.AUTO_BARGAIN, QueueLevel.LEVEL5]);
    expect(bound.notBeforeAt && timestampMs(bound.notBeforeAt)).toBe(Date.parse('2025-07-18T10:00:00+08:00'));
  });

  it('takes null as absent, and ignores what it does not know', () => {
    const bound = created({ account_id: null, max_attempts: null, accountId: 'camel', other: { deep: [] } });
    expect([bound.accountId, bound.maxAttempts]).toEqual(['', undefined]);
  });

  it('takes whole numbers for ids, and for nothing else that is a string', () => {
    expect(created({ account_id: 12345 }).accountId).toBe('12345');
    expect(refusedField(() => created({ shop_name: 12345 }))).toBe('shop_name');
    expect(refusedField(() => created({ account_id: 1.5 }))).toBe('account_id');
    expect(refusedField(() => created({ account_id: 2 ** 60 }))).toBe('account_id');
  });

  it.each([
    ['task_type', 'AUTO_BARGAIN'],
    ['task_type', 'unspecified'],
    ['task_type', 1],
    ['task_type', '__proto__'],
    ['vip', 'true'],
    ['vip', 1],
    ['max_attempts', '3'],
    ['max_attempts', -1],
    ['max_attempts', 1.5],
    ['max_attempts', 2 ** 32],
    ['not_before_at', 1763605000],
    ['not_before_at', '2025-02-30 10:00:00'],
    ['shop_name', ['x']],
    ['shop_name', { a: 1 }],
  ])('refuses %s = %j', (field, value) => {
    expect(refusedField(() => created({ [field]: value }))).toBe(field);
  });

  it('names the words that a field may have', () => {
    try {
      created({ task_type: 'auto_dance' });
      expect.unreachable();
    } catch (error) {
      expect(errorInfo(error)?.metadata.allowed).toContain('auto_bargain, auto_follow_up, manual_urgent');
    }
  });

  it('keeps free JSON as it is', () => {
    const messages = [{ id: 1, nick: null, deep: [1, 'x', { a: [] }] }, 'text', null, 7, []];
    const bound = bind<IngestMessagesRequest>('POST /api/messages/batch', { body: { messages } });
    expect(toJson(IngestMessagesRequestSchema, bound)).toMatchObject({ messages });
  });

  it('may name what the path names, if it is the same', () => {
    const pause = (session_id: string) =>
      bind('POST /api/sessions/{session_id}/pause', { path: { session_id: 'ses_1' }, body: { session_id } });
    expect(pause('ses_1')).toMatchObject({ sessionId: 'ses_1' });
    expect(refusedField(() => pause('ses_2'))).toBe('session_id');
  });
});

describe('a bound query', () => {
  const watch = (query: RequestParts['query'], headers: RequestParts['headers'] = {}) =>
    bind<WatchEventsRequest>('GET /api/events/stream', { query, headers });

  it('reads numbers as text, and takes limit for page_size', () => {
    expect(bind('GET /api/tasks', { query: { page_size: '7', status: 'pending' } })).toMatchObject({ pageSize: 7 });
    expect(bind('GET /api/tasks', { query: { limit: '7', status: '' } })).toMatchObject({ pageSize: 7, status: 0 });
    expect(bind('GET /api/tasks/pending', { query: { limit: '3' } })).toMatchObject({ limit: 3 });
    expect(refusedField(() => bind('GET /api/tasks', { query: { limit: '7', page_size: '8' } }))).toBe('page_size');
    expect(refusedField(() => bind('GET /api/tasks', { query: { page_size: '0x10' } }))).toBe('page_size');
    expect(refusedField(() => bind('GET /api/tasks', { query: { page_size: ['1', '2'] } }))).toBe('page_size');
  });

  it('reads lists with commas and repeated', () => {
    expect(watch({ types: 'a, b,' }).types).toEqual(['a', 'b']);
    expect(watch({ types: ['a,b', 'c'] }).types).toEqual(['a', 'b', 'c']);
  });

  it('lets the header of a reconnect win over the cursor of the first URL', () => {
    expect(watch({ last_event_id: 'one' }).cursor).toBe('one');
    expect(watch({ last_event_id: 'one' }, { 'last-event-id': 'two' }).cursor).toBe('two');
  });
});

describe('headers', () => {
  const complete = (body: RequestParts['body'], headers: RequestParts['headers']) =>
    bind('POST /api/tasks/{task_id}/complete', { path: { task_id: 't' }, body, headers });

  it('give the key and the lease', () => {
    const bound = complete({}, { 'idempotency-key': 'k', 'x-lease-token': 'l' });
    expect(bound).toMatchObject({ idempotencyKey: 'k', leaseToken: 'l' });
  });

  it('may not contradict the body', () => {
    expect(complete({ lease_token: 'l' }, { 'x-lease-token': 'l' })).toMatchObject({ leaseToken: 'l' });
    expect(refusedField(() => complete({ lease_token: 'm' }, { 'x-lease-token': 'l' }))).toBe('lease_token');
  });
});
