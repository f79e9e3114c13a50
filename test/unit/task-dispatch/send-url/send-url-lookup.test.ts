import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../../services/lib/config/load-config.ts';
import { ErrorReason, hasErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { createLogger } from '../../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../../services/lib/observability/metrics.ts';
import { lookupAddress, readSendUrlField } from '../../../../services/task-dispatch/domain/send-url.ts';
import type { StoredTask } from '../../../../services/task-dispatch/domain/task.ts';
import { addTaskMetrics } from '../../../../services/task-dispatch/metrics.ts';
import { SendUrlLookup } from '../../../../services/task-dispatch/send-url/send-url-lookup.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  type FakeOrderSystem,
  neverRespond,
  respondJson,
  respondSendUrl,
  startFakeOrderSystem,
} from '../../../support/http/fake-order-system.ts';
import { startTaskDispatchHarness, taskActions } from '../../../support/task-dispatch/task-dispatch-harness.ts';
import { TestClock } from '../../../support/test-clock.ts';

const SECRET = 'Bearer not-to-be-seen';

function lookupAt(orders: FakeOrderSystem, over: Record<string, unknown> = {}) {
  const config = loadConfig({
    AUTOSESSION_SEND_URL_LOOKUP: JSON.stringify({
      url: `${orders.url}/page?order={external_task_id}&shop={shop_name}`,
      headers: { authorization: SECRET },
      ...over,
    }),
  });
  const lines: string[] = [];
  const clock = new TestClock();
  const logger = createLogger('debug', { write: (line) => void lines.push(line) });
  const lookup = new SendUrlLookup(config.sendUrlLookup!, {
    clock,
    logger,
    metrics: addTaskMetrics(createMetrics(false)),
  });
  return { lookup, clock, lines };
}

const task = (over: Partial<StoredTask> = {}) =>
  ({
    tenant: 'default',
    taskId: 'tsk_1',
    sessionId: 'ses_1',
    taskType: 1,
    externalTaskId: 'o1',
    shopName: '店',
    ...over,
  }) as StoredTask;
const tasks = (count: number) => Array.from({ length: count }, (_, n) => task({ externalTaskId: `o${n}` }));
const reason = (lookup: Promise<unknown>) =>
  lookup.then(String, (error: { reason: string }) => `failed: ${error.reason}`);

describe('the address of a lookup', () => {
  it.each([
    ['a&shop=b', '/p?order=a%26shop%3Db'],
    ['a/../b', '/p?order=a%2F..%2Fb'],
    ['#?店', '/p?order=%23%3F%E5%BA%97'],
    ['@evil.example/', '/p?order=%40evil.example%2F'],
  ])('has %s as a value of its query', (order, expected) => {
    const { host, pathname, search } = new URL(lookupAddress('https://orders.example/p?order={o}', { o: order })!);
    expect([host, pathname + search]).toEqual(['orders.example', expected]);
  });

  it('leaves no segment of its path', () => {
    const template = 'https://orders.example/orders/{a}{b}/page';
    expect(lookupAddress(template, { a: 'x/y', b: '' })).toBe('https://orders.example/orders/x%2Fy/page');
    for (const values of [{ a: '..' }, { a: '.' }, { a: '.', b: '.' }] as Record<string, string>[])
      expect(lookupAddress(template, values)).toBeUndefined();
  });
});

describe('an answer of the order system', () => {
  it.each([
    [{ data: { page: 'https://a' } }, { kind: 'found', url: 'https://a' }],
    [{ data: { page: null } }, { kind: 'none' }],
    [{ data: { page: '' } }, { kind: 'none' }],
    [{ data: {} }, { kind: 'wrong' }],
    [{ data: null }, { kind: 'wrong' }],
    [null, { kind: 'wrong' }],
    [{ data: { page: 7 } }, { kind: 'wrong' }],
    [{ data: { page: 'https://chat.example/a\nb' } }, { kind: 'wrong' }],
    [{ data: { page: 'javascript:alert(1)' } }, { kind: 'wrong' }],
    [{ data: { page: '//chat.example/1' } }, { kind: 'wrong' }],
    [{ data: { page: ' https://chat.example/1' } }, { kind: 'wrong' }],
    [{ data: { page: 'https://user:pass@chat.example/1' } }, { kind: 'wrong' }],
    [{ data: { page: `https://chat.example/${'x'.repeat(2_049)}` } }, { kind: 'wrong' }],
  ])('%j is read', (answer, page) => {
    expect(readSendUrlField(answer, 'data.page')).toEqual(page);
  });
});

describe('a lookup', () => {
  it('asks once, and again when its answer is too old', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup, clock } = lookupAt(orders, { cache_seconds: 60 });
    for (const _ of [1, 2, 3]) expect(await lookup.find(task())).toBe('https://chat.example/o1');
    expect(orders.requests).toEqual(['/page?order=o1&shop=%E5%BA%97']);
    clock.advance({ seconds: 61 });
    orders.respond = respondJson({ send_url: 'https://new.example' });
    expect(await lookup.find(task())).toBe('https://new.example');
  });

  it('keeps the answers of tenants apart and tells whose task it is', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders);
    orders.respond = (request, response) =>
      respondJson({ send_url: `https://chat.example/${request.headers['x-autosession-tenant']}` })(request, response);
    expect(await lookup.find(task({ tenant: 'a' }))).toBe('https://chat.example/a');
    expect(await lookup.find(task({ tenant: 'b' }))).toBe('https://chat.example/b');
  });

  it.each([
    ['404', respondJson({}, 404)],
    ['410', respondJson({}, 410)],
    ['204', ((_, response) => void response.writeHead(204).end()) as FakeOrderSystem['respond']],
    ['an empty field', respondJson({ send_url: '' })],
  ])('takes %s for no page, for ten seconds', async (_, answer) => {
    await using orders = await startFakeOrderSystem();
    const { lookup, clock } = lookupAt(orders);
    orders.respond = answer;
    expect([await lookup.find(task()), await lookup.find(task()), orders.requests.length]).toEqual(['', '', 1]);
    orders.respond = respondSendUrl;
    clock.advance({ seconds: 11 });
    expect(await lookup.find(task())).toBe('https://chat.example/o1');
  });

  it('makes one question of many equal ones', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders);
    const answers = await Promise.all(Array.from({ length: 20 }, () => lookup.find(task())));
    expect([new Set(answers).size, orders.requests.length]).toEqual([1, 1]);
  });

  it('asks again within its time when the order system stumbles', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders);
    orders.respond = (request, response) =>
      (orders.requests.length < 3 ? respondJson({}, 503) : respondSendUrl)(request, response);
    expect(await lookup.find(task())).toBe('https://chat.example/o1');
    expect(orders.requests).toHaveLength(3);
  });

  it('sends a second request when the first one hangs', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders, { timeout_ms: 1_000 });
    orders.respond = (request, response) =>
      (orders.requests.length < 2 ? neverRespond : respondSendUrl)(request, response);
    expect(await lookup.find(task())).toBe('https://chat.example/o1');
  });

  it.each([
    ['http_500', respondJson({}, 500), 3],
    ['http_401', respondJson({}, 401), 1],
    ['not_json', ((_, response) => void response.end('<html>')) as FakeOrderSystem['respond'], 1],
    ['wrong_shape', respondJson({ url: 'https://a' }), 1],
    ['too_large', respondJson({ send_url: 'https://a', padding: 'x'.repeat(70_000) }), 1],
    ['network', ((request) => void request.socket.destroy()) as FakeOrderSystem['respond'], 3],
    ['timeout', neverRespond, 2],
  ])('fails with %s, and shows no secret', async (expected, answer, requests) => {
    await using orders = await startFakeOrderSystem();
    const { lookup, lines } = lookupAt(orders, { timeout_ms: 1_000 });
    orders.respond = answer;
    expect(await reason(lookup.find(task()))).toBe(`failed: ${expected}`);
    expect(orders.requests).toHaveLength(requests);
    expect(lines.join()).toContain('"event":"send_url_lookup_failed"');
    expect(lines.join()).not.toMatch(/not-to-be-seen|127\.0\.0\.1/);
  });

  it('follows no redirect', async () => {
    await using orders = await startFakeOrderSystem();
    await using elsewhere = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders);
    orders.respond = (_, response) => void response.writeHead(302, { location: elsewhere.url }).end();
    expect(await reason(lookup.find(task()))).toBe('failed: http_302');
    expect(elsewhere.requests).toEqual([]);
  });

  it('sends at most 16 requests at once', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup } = lookupAt(orders);
    const held: (() => void)[] = [];
    orders.respond = (request, response) => void held.push(() => respondSendUrl(request, response));
    const answers = Promise.all(tasks(40).map((each) => lookup.find(each)));
    await eventually(async () => expect(held).toHaveLength(16));
    orders.respond = respondSendUrl;
    expect(orders.requests).toHaveLength(16);
    for (const answer of held) answer();
    expect((await answers)[39]).toBe('https://chat.example/o39');
  });

  it('fails at once while the order system is down, and probes it from time to time', async () => {
    await using orders = await startFakeOrderSystem();
    const { lookup, clock } = lookupAt(orders);
    orders.respond = respondJson({}, 500);
    for (const each of tasks(2)) await reason(lookup.find(each));
    const requests = orders.requests.length;
    expect(requests).toBe(5);
    for (const each of tasks(50)) expect(await reason(lookup.find(each))).toBe('failed: circuit_open');
    expect(lookup.retryAfterSeconds).toBe(5);
    clock.advance({ seconds: 5 });
    const answers = await Promise.all(tasks(10).map((each) => reason(lookup.find(each))));
    expect(new Set(answers)).toEqual(new Set(['failed: circuit_open']));
    expect(orders.requests).toHaveLength(requests + 1);
    clock.advance({ seconds: 5 });
    orders.respond = respondSendUrl;
    expect(await lookup.find(task())).toBe('https://chat.example/o1');
    expect(await lookup.find(task({ externalTaskId: 'o2' }))).toBe('https://chat.example/o2');
    expect(lookup.retryAfterSeconds).toBe(1);
  });
});

describe('the configuration of a lookup', () => {
  const problems = (over: Record<string, unknown>): readonly string[] => {
    const text = JSON.stringify({ url: 'https://orders.example/p?o={external_task_id}', ...over });
    try {
      loadConfig({ AUTOSESSION_SEND_URL_LOOKUP: text });
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  };

  it('has its defaults', () => {
    const text = '{"url": "https://orders.example/p?o={external_task_id}"}';
    expect(loadConfig({ AUTOSESSION_SEND_URL_LOOKUP: text }).sendUrlLookup).toEqual({
      url: 'https://orders.example/p?o={external_task_id}',
      headers: {},
      field: 'send_url',
      timeoutMs: 3_000,
      cacheSeconds: 300,
      onFailure: 'retry',
    });
    expect(loadConfig({}).sendUrlLookup).toBeUndefined();
  });

  it.each([
    [{ url: 'https://{shop_id}.example/p' }],
    [{ url: 'https://orders.example:{shop_id}/p' }],
    [{ url: 'https://user:hunter2@orders.example/p?o={shop_id}' }],
    [{ url: 'https://orders.example/p?o={hunter2}' }],
    [{ url: 'https://orders.example/p' }],
    [{ url: 'https://orders.example/p?o={shop_id}#hunter2' }],
    [{ url: 'ftp://orders.example/p?o={shop_id}' }],
    [{ url: 'https://orders.example/p?o={shop_id}{' }],
    [{ headers: { authorization: 'hunter2\r\nx: y' } }],
    [{ headers: { host: 'hunter2' } }],
    [{ headers: ['hunter2'] }],
    [{ headers: JSON.parse('{"__proto__": "hunter2"}') }],
    [{ field: 'a..b' }],
    [{ timeout_ms: 9_000 }],
    [{ cache_seconds: -1 }],
    [{ on_failure: 'hunter2' }],
    [{ retries: 3 }],
  ])('is refused with a sentence that repeats nothing of it: %j', (over) => {
    const found = problems(over);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^AUTOSESSION_SEND_URL_LOOKUP .*\.$/);
    expect(found[0]).not.toContain('hunter2');
  });
});

describe('a task whose send URL cannot be looked up', () => {
  const envOf = (orders: FakeOrderSystem, over: Record<string, unknown> = {}) => ({
    AUTOSESSION_SEND_URL_LOOKUP: JSON.stringify({ url: `${orders.url}/p?order={external_task_id}`, ...over }),
  });

  it('does not become a dead letter, however many of its leases expire', async () => {
    await using orders = await startFakeOrderSystem();
    orders.respond = respondJson({}, 500);
    await using testHarness = await startTaskDispatchHarness({ env: envOf(orders) });
    const { store, claim, fetch, row, status } = taskActions(testHarness);
    const spec = await store();
    for (let lease = 0; lease < 12; lease++) {
      const { leaseToken } = await claim(spec.accountId);
      await expect(fetch(spec.taskId, leaseToken)).rejects.toSatisfy((error) =>
        hasErrorReason(error, ErrorReason.SERVICE_UNAVAILABLE),
      );
      testHarness.clock.advance({ seconds: 121 });
      await testHarness.reap();
    }
    expect(await status(spec.taskId)).toBe('pending');
    expect((await row(spec.taskId)).lost_leases).toBe(1);
    orders.respond = respondSendUrl;
    const { leaseToken } = await claim(spec.accountId);
    expect((await fetch(spec.taskId, leaseToken)).sendUrl).toBe(`https://chat.example/${spec.externalTaskId}`);
  });

  it('is fetched without one when the configuration allows it', async () => {
    await using orders = await startFakeOrderSystem();
    orders.respond = respondJson({}, 500);
    await using testHarness = await startTaskDispatchHarness({ env: envOf(orders, { on_failure: 'empty' }) });
    const { store, claim, fetch, status } = taskActions(testHarness);
    const spec = await store();
    const { leaseToken } = await claim(spec.accountId);
    expect((await fetch(spec.taskId, leaseToken)).sendUrl).toBe('');
    expect(await status(spec.taskId)).toBe('fetched');
  });
});
