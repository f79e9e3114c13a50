import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { EventService, WatchEventsResponseSchema } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { SessionService } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorInfoSchema } from '../../../../gen/google/rpc/error_details_pb.js';
import { allowAnonymous } from '../../../../services/lib/auth/identity.ts';
import { appError, ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { toPublicError } from '../../../../services/lib/errors/to-public-error.ts';
import { contextInterceptor } from '../../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../../services/lib/interceptors/validate.ts';
import { createLogger, logStateChange } from '../../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../../services/lib/observability/metrics.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../../services/lib/runtime/id-generator.ts';

/** Two services whose work the test writes, behind the interceptors of the real thing. */
function harness(work: () => never) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('debug', { write: (line) => void lines.push(JSON.parse(line)) });
  const interceptors = [
    observeInterceptor({ logger, metrics: createMetrics(false) }),
    contextInterceptor({
      authenticate: allowAnonymous,
      internalSecret: 'secret',
      ids: createUlidGenerator(systemClock),
    }),
    validateInterceptor(),
  ];
  const transport = createRouterTransport(
    (router) => {
      router.service(SessionService, { getSession: async () => work() });
      router.service(EventService, {
        async *watchEvents() {
          yield create(WatchEventsResponseSchema);
          work();
        },
      });
    },
    { router: { interceptors } },
  );
  const headers = { 'x-request-id': 'trace-1' };
  return {
    lines,
    get: (sessionId = 'ses_1') => createClient(SessionService, transport).getSession({ sessionId }, { headers }),
    getOpen: (request: { accountId: string }) => createClient(SessionService, transport).getOpenSession(request),
    watch: async () => {
      for await (const _ of createClient(EventService, transport).watchEvents({}, { headers }));
    },
  };
}

const defect = () => harness((): never => JSON.parse('no JSON') as never);
const refusal = () =>
  harness(() => {
    throw appError(ErrorReason.SESSION_NOT_FOUND, 'none');
  });

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (error) => ConnectError.from(error),
  );
}

const reasonsOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema).map(({ reason }) => reason);

describe('the error of an RPC', () => {
  it.each([
    ['a refusal', refusal, 'SESSION_NOT_FOUND'],
    ['a defect', defect, 'INTERNAL'],
  ])('from %s carries one ErrorInfo and the request id, also in the middle of a stream', async (_, made, reason) => {
    const { get, watch } = made();
    for (const call of [get, watch]) {
      const error = await errorOf(call());
      expect(reasonsOf(error)).toEqual([reason]);
      expect(error.metadata.get('x-request-id')).toBe('trace-1');
    }
  });

  it('from a defect is logged with its cause and the request id, and says nothing of it to the caller', async () => {
    const { get, watch, lines } = defect();
    for (const call of [get, watch]) {
      expect((await errorOf(call())).rawMessage).toBe('internal error');
      expect(lines.pop()).toMatchObject({ event: 'rpc_failed', request_id: 'trace-1', err: { type: 'SyntaxError' } });
    }
  });

  it('that breaks a rule over the whole message names the field that it is about', async () => {
    const error = await errorOf(refusal().getOpen({ accountId: 'acc' }));
    const [info] = error.findDetails(ErrorInfoSchema);
    expect([error.code, info?.metadata]).toEqual([
      Code.InvalidArgument,
      { field: 'shop_name', rule: 'open.shop_name' },
    ]);
  });
});

it('a call that no service here implements is a defect, and must not be repeated', () => {
  const unknown = new ConnectError('unimplemented', Code.Unimplemented);
  expect(errorInfo(toPublicError(unknown))?.reason).toBe(ErrorReason.INTERNAL);
});

it.each([
  ['the error of the HTTP/2 layer', new ConnectError('stream closed with INTERNAL_ERROR', Code.Internal), 'CANCELED'],
  ['a plain abort', new DOMException('gone', 'AbortError'), 'CANCELED'],
  ['its deadline', new ConnectError('late', Code.DeadlineExceeded), 'DEADLINE_EXCEEDED'],
])('a call that ended by %s is no defect', (_, reason, expected) => {
  const error = toPublicError(new Error('write ECANCELED'), AbortSignal.abort(reason));
  expect(reasonsOf(error)).toEqual([expected]);
});

it('a logged refusal names its reason in one short line', () => {
  const lines: string[] = [];
  const logger = createLogger('warn', { write: (line) => void lines.push(line) });
  const refused = appError(ErrorReason.TASK_NOT_FOUND, 'none', { task_id: 'tsk_1' }, new Error('gone'));
  logger.warn({ err: refused }, 'failed');
  const { stack, ...told } = JSON.parse(lines[0] ?? '{}').err;
  expect(told).toMatchObject({ type: 'ConnectError', reason: 'TASK_NOT_FOUND', task_id: 'tsk_1' });
  expect(stack).toContain('caused by: Error: gone');
  expect(JSON.stringify(told).length).toBeLessThan(500);
});

it('a logged change has every key, whatever is known', () => {
  let line = '';
  const logger = createLogger('info', {
    write: (text) => {
      line = text;
    },
  });
  logStateChange(logger, { event: 'task_leased', session_id: 'ses_1', status: 'leased' });
  expect(JSON.parse(line)).toMatchObject({
    event: 'task_leased',
    session_id: 'ses_1',
    session_name: 'ses_1',
    reason: '',
    status: 'leased',
    timestamp: expect.any(String),
  });
});
