import { create } from '@bufbuild/protobuf';
import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import {
  CloseSessionResponseSchema,
  GetOpenSessionResponseSchema,
  GetSessionStatusResponseSchema,
  PauseSessionResponseSchema,
} from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { GetTaskResponseSchema } from '../../../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { currentContext } from '../../../../services/lib/runtime/request-context.ts';
import { startRestApp, stubRoutes } from '../../../support/gateway/rest-fixture.ts';

/** Sends one request to REST over stubs. */
async function send(request: InjectOptions, overrides: Parameters<typeof stubRoutes>[0] = {}, legacyStatus = false) {
  await using app = await startRestApp(stubRoutes(overrides), { legacyStatus });
  const answer = await app.inject(request);
  const body = answer.body.startsWith('{') ? answer.json() : answer.body;
  return { status: answer.statusCode, headers: answer.headers, body };
}

const refusing = (reason: ErrorReason, metadata: Record<string, string> = {}) => ({
  getTask: async () => {
    throw appError(reason, 'why', metadata);
  },
});
const getTask = { url: '/api/tasks/tsk_1' };

describe('an answer', () => {
  it('has the envelope, and the request id in the header too', async () => {
    const { status, headers, body } = await send({ url: '/api/tasks/tsk_1', headers: { 'x-request-id': 'trace-1' } });
    expect([status, headers['x-request-id'], headers['cache-control']]).toEqual([200, 'trace-1', 'no-store']);
    expect(body).toEqual({ success: true, message: '操作成功', data: null, request_id: 'trace-1' });
  });

  it('does not take over an unusable request id', async () => {
    const { headers } = await send({ ...getTask, headers: { 'x-request-id': 'a b' } });
    expect(headers['x-request-id']).toMatch(/^req_/);
  });

  it('is the named field of the response alone where the rule says so', async () => {
    const overrides = { getTask: async () => create(GetTaskResponseSchema, { task: { taskId: 'tsk_1' } }) };
    expect((await send(getTask, overrides)).body.data).toMatchObject({ task_id: 'tsk_1', send_content: '' });
  });

  it('says what was possibly sent beside the session of a pause or a close', async () => {
    const answer = { session: { sessionId: 'ses_1' }, possiblySent: [{ taskId: 'tsk_1' }] };
    const overrides = {
      pauseSession: async () => create(PauseSessionResponseSchema, answer),
      closeSession: async () => create(CloseSessionResponseSchema, answer),
    };
    for (const verb of ['pause', 'close']) {
      const { body } = await send({ method: 'POST', url: `/api/sessions/ses_1/${verb}` }, overrides);
      expect(body.data).toMatchObject({ session_id: 'ses_1', possibly_sent: [{ task_id: 'tsk_1' }] });
      expect(body.data).not.toHaveProperty('session');
    }
  });

  it('speaks English when asked to', async () => {
    const english = { ...getTask, headers: { 'accept-language': 'zh;q=0.3, en-GB;q=0.8' } };
    expect((await send(english)).body.message).toBe('OK');
    expect((await send({ ...getTask, headers: { 'accept-language': 'fr, zh' } })).body.message).toBe('操作成功');
  });

  it('to next_id without a task is no success and no error', async () => {
    const { status, body } = await send({ url: '/api/tasks/next_id' });
    expect([status, body.success, body.message]).toEqual([200, false, '暂无任务']);
    expect(new Set(Object.values(body.data))).toEqual(new Set([null]));
    expect(Object.keys(body.data)).toContain('task_id');
  });

  it('about health has no envelope', async () => {
    for (const url of ['/health', '/api/health'])
      expect((await send({ url })).body).toMatchObject({ status: 'healthy', version: '1.2.3' });
    expect((await send({ url: '/' })).body).toMatchObject({ version: '1.2.3', message: expect.any(String) });
  });
});

describe('routing', () => {
  const seen: unknown[] = [];
  const overrides = {
    getOpenSession: async () => create(GetOpenSessionResponseSchema),
    getSessionStatus: async ({ sessionId }: { sessionId: string }) =>
      create(GetSessionStatusResponseSchema, { sessionId }),
    getTask: async () => void seen.push('task'),
  };

  it('prefers literal paths, and decodes variables', async () => {
    const open = await send({ url: '/api/sessions/open?account_id=a&shop_id=s' }, overrides as never);
    expect(open.body.data.has_active_session).toBe(false);
    const status = await send({ url: '/api/sessions/%E5%BA%97%2F1/status' }, overrides as never);
    expect(status.body.data.session_id).toBe('店/1');
    await send({ url: '/api/tasks/stats' }, overrides as never);
    expect(seen).toEqual([]);
  });

  it('names the methods of a known path', async () => {
    const answer = await send({ method: 'DELETE', url: '/api/manual/escalate' });
    expect([answer.status, answer.headers.allow, answer.body.error_code]).toEqual([405, 'POST', 'METHOD_NOT_ALLOWED']);
    const options = await send({ method: 'OPTIONS', url: '/api/manual/escalate' });
    expect([options.status, options.headers.allow]).toEqual([204, 'POST']);
  });

  it('lets HEAD read, but never claim', async () => {
    expect((await send({ method: 'HEAD', url: '/api/tasks/tsk_1' })).status).toBe(200);
    expect((await send({ method: 'HEAD', url: '/api/tasks/next_id' })).status).toBe(405);
    expect((await send({ method: 'HEAD', url: '/api/events/stream' })).status).toBe(405);
    expect((await send({ method: 'HEAD', url: '/health' })).status).toBe(200);
  });

  it.each([
    ['an unknown path', '/api/nothing'],
    ['a path that is too long', '/api/sessions/x/y/z'],
    ['a variable that is far too long', `/api/tasks/${'x'.repeat(2_000)}/send_info`],
    ['a variable that is too long', `/api/tasks/${'x'.repeat(500)}/send_info`],
    ['an empty variable', '/api/tasks//send_info'],
  ])('answers %s with an envelope', async (_, url) => {
    const { status, headers, body } = await send({ url });
    expect([400, 404]).toContain(status);
    expect(body).toMatchObject({ success: false, request_id: headers['x-request-id'] });
  });

  it('refuses paths that cannot be decoded', async () => {
    const { status, body, headers } = await send({ url: '/api/tasks/%zz' });
    expect([status, body.error_code]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(headers['x-request-id']).toBe(body.request_id);
  });
});

describe('a call', () => {
  it('carries tenant, request id, actor and deadline', async () => {
    let seen: unknown;
    const overrides = {
      claimNextTask: async () => {
        const { tenant, requestId, actor } = currentContext();
        seen = { tenant, requestId, actor };
        return {};
      },
    };
    await send({ url: '/api/tasks/next_id', headers: { 'x-test-tenant': 'acme', 'x-request-id': 'r1' } }, overrides);
    expect(seen).toEqual({ tenant: 'acme', requestId: 'r1', actor: 'test' });
  });

  it('has 5 s beyond the wait of a long poll', async () => {
    let timeout: number | undefined;
    const overrides = {
      claimNextTask: async (_: never, context: { timeoutMs(): number | undefined }) => {
        timeout = context.timeoutMs();
        return {};
      },
    };
    await send({ url: '/api/tasks/next_id?wait_seconds=30' }, overrides as never);
    expect(timeout).toBeGreaterThan(34_000);
    expect(timeout).toBeLessThanOrEqual(35_000);
  });
});

describe('a refusal', () => {
  it('has reason, detail and data', async () => {
    const metadata = { conflict_session_id: 'ses_1', conflict_state: 'active', task_ids: 'a, b' };
    const { status, body, headers } = await send(getTask, refusing(ErrorReason.UNAVAILABLE, metadata));
    expect(status).toBe(409);
    expect(body).toEqual({
      success: false,
      message: expect.stringContaining('当前有活跃的机器人会话'),
      error_code: 'UNAVAILABLE',
      detail: 'UNAVAILABLE: why',
      data: { conflict_session_id: 'ses_1', conflict_state: 'active', task_ids: ['a', 'b'] },
      request_id: headers['x-request-id'],
    });
  });

  it('tells a human holder by the state, not by the task type', async () => {
    const human = { conflict_state: 'transferred', conflict_task_type: 'auto_bargain' };
    const bot = { conflict_state: 'active', conflict_task_type: 'manual_urgent' };
    expect((await send(getTask, refusing(ErrorReason.UNAVAILABLE, human))).body.message).toContain('当前有人工会话');
    expect((await send(getTask, refusing(ErrorReason.UNAVAILABLE, bot))).body.message).toContain('机器人会话');
  });

  it.each([
    [ErrorReason.SESSION_NOT_FOUND, 404],
    [ErrorReason.NOT_YOUR_SESSION, 403],
    [ErrorReason.HANDED_OVER, 409],
    [ErrorReason.IDEMPOTENCY_KEY_REUSED, 422],
    [ErrorReason.RATE_LIMITED, 429],
    [ErrorReason.SERVICE_UNAVAILABLE, 503],
    [ErrorReason.DEADLINE_EXCEEDED, 504],
  ])('with reason %s has status %s', async (reason, status) => {
    const answer = await send(getTask, refusing(reason));
    expect([answer.status, answer.body.error_code, answer.body.data]).toEqual([status, ErrorReason[reason], null]);
    if (status === 503 || status === 429) expect(answer.headers['retry-after']).toBe('1');
  });

  it('of the business is a 200 for the first RPA tools, and nothing else is', async () => {
    const legacy = async (reason: ErrorReason) => (await send(getTask, refusing(reason), true)).status;
    expect(await legacy(ErrorReason.TASK_NOT_FOUND)).toBe(200);
    expect(await legacy(ErrorReason.UNAVAILABLE)).toBe(200);
    expect(await legacy(ErrorReason.INVALID_ARGUMENT)).toBe(400);
    expect(await legacy(ErrorReason.SERVICE_UNAVAILABLE)).toBe(503);
    expect((await send({ url: '/api/nothing' }, {}, true)).status).toBe(404);
  });

  it('hides the text of a defect', async () => {
    const overrides = {
      getTask: async () => {
        throw new Error('secret');
      },
    };
    const { status, body } = await send(getTask, overrides);
    expect([status, body.error_code, body.detail]).toEqual([500, 'INTERNAL', 'INTERNAL: internal error']);
  });

  it('of the proto’s rules names field and rule', async () => {
    const { body } = await send({ url: '/api/tasks?page_size=201' });
    expect(body.data).toEqual({ field: 'page_size', rule: 'uint32.lte' });
    expect(body.message).toContain('page_size');
  });
});

describe('a body', () => {
  const post = (payload: string | Buffer | undefined, type: string | undefined = 'application/json') =>
    send({
      method: 'POST',
      url: '/api/sessions/ses_1/pause',
      payload,
      headers: type === undefined ? {} : { 'content-type': type },
    });

  it('may be missing, empty, or without a media type', async () => {
    expect((await send({ method: 'POST', url: '/api/sessions/ses_1/pause' })).status).toBe(200);
    expect((await post('')).status).toBe(200);
    expect((await post('', 'text/plain')).status).toBe(200);
    expect((await post('{}', 'application/json; charset=UTF-8')).status).toBe(200);
    expect((await post('{}', 'application/problem+json')).status).toBe(200);
  });

  it.each(['{', '[]', '"x"', 'null', '7', '{"a":1e999}', '{"\\ud800":1}', `${'{"a":'.repeat(10_000)}`])(
    'that is no usable JSON object is malformed (%#)',
    async (payload) => {
      const { status, body } = await post(payload);
      expect([status, body.error_code]).toEqual([400, 'MALFORMED_BODY']);
    },
  );

  it('with a text that was cut within a character is mended', async () => {
    expect((await post('{"reason":"\\ud800"}')).status).toBe(200);
  });

  it('that is nested too deeply is malformed, however short', async () => {
    const deep = (levels: number) => `{"context":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    const escalate = (payload: string) =>
      send({
        method: 'POST',
        url: '/api/manual/escalate',
        payload: payload.replace('{', '{"session_id":"s",'),
        headers: { 'content-type': 'application/json' },
      });
    expect((await escalate(deep(28))).status).toBe(200);
    expect((await escalate(deep(31))).body.error_code).toBe('MALFORMED_BODY');
    expect((await escalate(deep(10_000))).body.error_code).toBe('MALFORMED_BODY');
  });

  it('that is not UTF-8 is malformed', async () => {
    expect((await post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).body.error_code).toBe(
      'MALFORMED_BODY',
    );
  });

  it('of another type, or too large, is refused', async () => {
    expect((await post('a=1', 'application/x-www-form-urlencoded')).status).toBe(415);
    expect((await post('{}', 'application/json; charset=gbk')).status).toBe(415);
    expect((await post('{}', 'nonsense')).status).toBe(415);
    const large = await post(JSON.stringify({ reason: 'x'.repeat(1_100_000) }));
    expect([large.status, large.body.error_code]).toEqual([413, 'TOO_LARGE']);
  });

  it('with the keys of prototypes does no harm', async () => {
    const { status } = await post('{"__proto__":{"reason":7},"constructor":{"prototype":{}},"toString":1}');
    expect(status).toBe(200);
    expect(({} as { reason?: unknown }).reason).toBeUndefined();
  });
});
