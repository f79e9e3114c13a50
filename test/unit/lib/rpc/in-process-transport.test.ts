import { setTimeout as delay } from 'node:timers/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type HandlerContext,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { EventService, type WatchEventsRequest } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { MessageService } from '../../../../gen/autosession/message/v1/message_service_pb.js';
import { SessionSchema } from '../../../../gen/autosession/session/v1/session_pb.js';
import {
  type ApplyMessagesRequest,
  ApplyMessagesRequestSchema,
  type ApplyMessagesResponse,
  ApplyMessagesResponseSchema,
  SessionService,
} from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { inProcessTransport } from '../../../../services/lib/rpc/in-process-transport.ts';

type Handler = (
  request: ApplyMessagesRequest,
  context: HandlerContext,
) =>
  | Promise<MessageInitShape<typeof ApplyMessagesResponseSchema>>
  | MessageInitShape<typeof ApplyMessagesResponseSchema>;
type Make = (routes: (router: ConnectRouter) => void, interceptors: Interceptor[]) => Transport;

const kinds: [string, Make][] = [
  ['in process', inProcessTransport],
  ['with bytes between', (routes, interceptors) => createRouterTransport(routes, { router: { interceptors } })],
];

/** A client of one handler. */
const clientOf = (make: Make, handler: Handler, interceptors: Interceptor[] = []) =>
  createClient(
    SessionService,
    make((router) => router.service(SessionService, { applyMessages: handler }), interceptors),
  );

const caught = async (work: Promise<unknown>) => ConnectError.from(await work.catch((error) => error));

describe.each(kinds)('a call %s', (_, make) => {
  test('leaves the request as it was, whatever the handler does to its own', async () => {
    const messages = [{ messageId: 'm1' }];
    const request = create(ApplyMessagesRequestSchema, { accountKey: 'a', messages });
    const client = clientOf(make, (got) => {
      got.accountKey = 'changed';
      got.messages[0]!.messageId = 'changed';
      got.messages.pop();
      return {};
    });
    await client.applyMessages(request);
    expect(request).toEqual(create(ApplyMessagesRequestSchema, { accountKey: 'a', messages }));
  });

  test('gives the handler what was asked, whatever the caller does afterwards', async () => {
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    const request = create(ApplyMessagesRequestSchema, { accountKey: 'a', messages: [{ messageId: 'm1' }] });
    const client = clientOf(make, async (got) => {
      await changed;
      return { operations: [got.accountKey, ...got.messages.map(({ messageId }) => messageId)] };
    });
    const answer = client.applyMessages(request);
    // in the next turn: with bytes between, a request is written when the call begins to run
    setImmediate(() => {
      request.accountKey = 'changed';
      request.messages[0]!.messageId = 'changed';
      resolve();
    });
    expect((await answer).operations).toEqual(['a', 'm1']);
  });

  test('gives each caller its own copy of the answer', async () => {
    const kept = create(ApplyMessagesResponseSchema, {
      session: create(SessionSchema, { sessionId: 'ses_1', version: 3 }),
      operations: ['opened'],
    });
    const client = clientOf(make, () => kept);
    const got: ApplyMessagesResponse = await client.applyMessages({});
    expect(got).toEqual(kept);
    got.session!.sessionId = 'changed';
    got.operations.push('changed');
    expect(kept.session?.sessionId).toBe('ses_1');
    expect(kept.operations).toEqual(['opened']);
  });

  test('fills in what either side left out', async () => {
    const client = clientOf(make, (got) => ({ operations: [JSON.stringify([got.shopKey, got.messages])] }));
    const answer = await client.applyMessages({});
    expect(answer).toMatchObject({ operations: ['["",[]]'], messages: [] });
    expect(answer.session).toBeUndefined();
  });

  test('carries headers both ways, and trailers back', async () => {
    const client = clientOf(make, (_request, context) => {
      context.responseHeader.set('x-answer', `to ${context.requestHeader.get('x-question')}`);
      context.responseTrailer.set('x-last', 'word');
      return {};
    });
    const heard: (string | null)[] = [];
    await client.applyMessages(
      {},
      {
        headers: { 'x-question': '42' },
        onHeader: (header) => heard.push(header.get('x-answer')),
        onTrailer: (trailer) => heard.push(trailer.get('x-last')),
      },
    );
    expect(heard).toEqual(['to 42', 'word']);
  });

  test('goes through the interceptors from the first to the last', async () => {
    const passed: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      async (request) => {
        passed.push(`${name} ${request.service.typeName}/${request.method.name} ${request.stream}`);
        const response = await next(request);
        response.header.append('x-passed', name);
        return response;
      };
    let header = '';
    const client = clientOf(make, () => ({}), [named('a'), named('b')]);
    await client.applyMessages(
      {},
      {
        onHeader: (got) => {
          header = got.get('x-passed') ?? '';
        },
      },
    );
    const call = 'autosession.session.v1.SessionService/ApplyMessages false';
    expect(passed).toEqual([`a ${call}`, `b ${call}`]);
    expect(header).toBe('b, a');
  });

  test('throws what the handler refused, with its reason and metadata, and without its cause', async () => {
    const refusal = appError(ErrorReason.LEASE_LOST, 'gone', { task_id: 't1' }, new Error('inner'));
    refusal.metadata.set('x-request-id', 'req_1');
    const error = await caught(
      clientOf(make, () => {
        throw refusal;
      }).applyMessages({}),
    );
    expect(error).not.toBe(refusal);
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: 'gone', cause: undefined });
    expect(errorInfo(error)).toEqual({ reason: ErrorReason.LEASE_LOST, metadata: { task_id: 't1' } });
    expect(error.metadata.get('x-request-id')).toBe('req_1');
  });

  test('tells nothing of a defect', async () => {
    const client = clientOf(make, () => {
      throw new TypeError('secret');
    });
    expect(await caught(client.applyMessages({}))).toMatchObject({ code: Code.Internal, rawMessage: 'internal error' });
  });

  test('ends at its deadline, although the handler goes on, and tells the handler', async () => {
    const { promise: told, resolve } = Promise.withResolvers<string | null>();
    const client = clientOf(make, async (_request, { signal, requestHeader }) => {
      signal.addEventListener('abort', () => resolve(requestHeader.get('connect-timeout-ms')));
      return new Promise(() => {});
    });
    expect((await caught(client.applyMessages({}, { timeoutMs: 20 }))).code).toBe(Code.DeadlineExceeded);
    expect(await told).toBe('20');
  });

  test('ends with its caller', async () => {
    const caller = new AbortController();
    const client = clientOf(make, async (_request, { signal }) => {
      queueMicrotask(() => caller.abort());
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    expect((await caught(client.applyMessages({}, { signal: caller.signal }))).code).toBe(Code.Canceled);
    const late = clientOf(make, () => ({}));
    expect((await caught(late.applyMessages({}, { signal: caller.signal }))).code).toBe(Code.Canceled);
  });

  test('that failed leaves nothing running that listens', async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const client = clientOf(make, (_request, { signal }) => {
      signal.addEventListener('abort', () => resolve());
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'half of it failed');
    });
    await caught(client.applyMessages({}));
    await stopped;
  });

  test('refuses what is not there', async () => {
    const transport = make((router) => router.service(SessionService, {}), []);
    const sessions = createClient(SessionService, transport);
    const messages = createClient(MessageService, transport);
    expect((await caught(sessions.applyMessages({}))).code).toBe(Code.Unimplemented);
    expect((await caught(messages.listMessages({}))).code).toBe(Code.Unimplemented);
  });
});

test('a deadline that is too far away for a timer has not passed', async () => {
  const answered = async () => {
    await delay(10); // fires behind a timer of which Node made one millisecond
    return {};
  };
  await clientOf(inProcessTransport, answered).applyMessages({}, { timeoutMs: 2 ** 31 + 5 });
});

describe.each(kinds)('a stream %s', (_, make) => {
  type Watch = (request: WatchEventsRequest, context: HandlerContext) => AsyncIterable<{ cursor: string }>;
  const watching = (handler: Watch, interceptors: Interceptor[] = []) =>
    createClient(
      EventService,
      make((router) => router.service(EventService, { watchEvents: handler }), interceptors),
    );

  test('brings what the handler yields, in order, and then its refusal', async () => {
    const client = watching(async function* ({ session }) {
      yield { cursor: `${session}-1` };
      yield { cursor: `${session}-2` };
      throw appError(ErrorReason.RATE_LIMITED, 'too slow');
    });
    const got: string[] = [];
    const failure = await caught(
      (async () => {
        for await (const { cursor } of client.watchEvents({ session: 'ses_1' })) got.push(cursor);
      })(),
    );
    expect(got).toEqual(['ses_1-1', 'ses_1-2']);
    expect(errorInfo(failure)?.reason).toBe(ErrorReason.RATE_LIMITED);
  });

  test('ends the handler, and the reading, with its caller', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const client = watching(async function* (_request, { signal }) {
      signal.addEventListener('abort', () => resolve());
      for (let nth = 1; !signal.aborted; nth++) {
        yield { cursor: String(nth) };
        await new Promise((next) => setImmediate(next));
      }
    });
    const leaving = new AbortController();
    const reading = (async () => {
      for await (const { cursor } of client.watchEvents({}, { signal: leaving.signal }))
        if (cursor === '3') leaving.abort();
    })();
    expect(await caught(reading)).toMatchObject({ code: Code.Canceled });
    await ended;
  });

  test('ends with its deadline', async () => {
    const client = watching(async function* (_request, { signal }) {
      yield { cursor: 'first' };
      await new Promise<void>((gone) => {
        signal.addEventListener('abort', () => gone(), { once: true });
      });
    });
    const reading = (async () => {
      for await (const _response of client.watchEvents({}, { timeoutMs: 50 }));
    })();
    expect(await caught(reading)).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test('passes the interceptors', async () => {
    const seen: string[] = [];
    const note: Interceptor = (next) => async (request) => {
      seen.push(`${request.method.name} ${request.header.get('x-note')}`);
      return next(request);
    };
    const client = watching(async function* () {}, [note]);
    for await (const _response of client.watchEvents({}, { headers: { 'x-note': 'hello' } }));
    expect(seen).toEqual(['WatchEvents hello']);
  });
});
