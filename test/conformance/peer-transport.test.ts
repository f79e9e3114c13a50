import { once } from 'node:events';
import { type Client, Code, createClient, type HandlerContext } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { type PeerOptions, peerTransport } from '../../services/lib/rpc/peer-transport.ts';
import { createServiceClients } from '../../services/lib/rpc/service-clients.ts';
import { eventually } from '../support/eventually.ts';
import { INTERNAL_SECRET, type PeerHandlers, startPeerInstance } from '../support/processes/peer-instance.ts';

/** Two instances of one service, and a client that reaches both. */
async function startTwoInstances(handlers: PeerHandlers = {}, options: Partial<PeerOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const first = stack.use(await startPeerInstance('first', handlers));
  const second = stack.use(await startPeerInstance('second', handlers));
  const transport = stack.use(peerTransport({ addresses: [first.address, second.address], ...options }));
  const owned = stack.move();
  const tasks = createClient(TaskService, transport);
  return {
    first,
    second,
    tasks,
    transport,
    events: createClient(EventService, transport),
    get: () => instanceName(tasks),
    /** Waits until calls reach this many instances. */
    reach: (count: number) =>
      eventually(async () => expect(new Set([await instanceName(tasks), await instanceName(tasks)]).size).toBe(count)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An instance whose reads call another one that does the work. */
async function startTwoHops(handlers: PeerHandlers) {
  await using stack = new AsyncDisposableStack();
  const last = stack.use(await startPeerInstance('last', handlers));
  const remote = new Map([[TaskService, stack.use(peerTransport({ addresses: [last.address] }))]]);
  const clients = createServiceClients({ routes: () => {}, interceptors: [], internalSecret: INTERNAL_SECRET, remote });
  const getTask = async () => {
    await instanceName(clients.get(TaskService));
  };
  const middle = stack.use(await startPeerInstance('middle', { getTask }));
  const tasks = createClient(TaskService, stack.use(peerTransport({ addresses: [middle.address] })));
  const owned = stack.move();
  return { middle, tasks, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function instanceName(tasks: Client<typeof TaskService>): Promise<string | undefined> {
  return (await tasks.getTask({ taskId: 'tsk_1' })).task?.taskId;
}

/** Calls from several callers at once until `over` says so; returns the names that answered. */
async function callConcurrently(
  call: () => Promise<string | undefined>,
  isDone: () => boolean,
): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = [];
  const worker = async () => {
    while (!isDone()) names.push(await call());
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return names;
}

/** A handler that hangs until its caller is gone, and a way to know both. */
function hangingHandler() {
  const entered = Promise.withResolvers<HandlerContext>();
  const left = Promise.withResolvers<void>();
  const handlers = async (_: string, context: HandlerContext) => {
    entered.resolve(context);
    if (!context.signal.aborted) await once(context.signal, 'abort');
    left.resolve();
    context.signal.throwIfAborted();
  };
  return { work: handlers, entered: entered.promise, left: left.promise };
}

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => errorInfo(error)?.reason,
  );

describe('a call to another process', () => {
  it('goes to the instances in turn', async () => {
    await using peers = await startTwoInstances();
    await peers.reach(2);
    const names = [await peers.get(), await peers.get(), await peers.get(), await peers.get()];
    expect(names.filter((name) => name === 'first')).toHaveLength(2);
  });

  it('goes to every address of a name, also after that has changed', async () => {
    await using first = await startPeerInstance('first');
    await using second = await startPeerInstance('second');
    let behind = [first];
    const resolve = async () =>
      behind.map(({ proxy }) => ({ origin: 'http://tasks.test:1', ip: '127.0.0.1', port: proxy.port }));
    await using transport = peerTransport({ addresses: ['http://tasks.test:1'], resolve, resolveIntervalMs: 10 });
    const get = () => instanceName(createClient(TaskService, transport));
    expect(await get()).toBe('first');
    behind = [first, second];
    await eventually(async () => expect(await get()).toBe('second'));
    behind = [second];
    await eventually(async () => expect([await get(), await get()]).toEqual(['second', 'second']));
  });

  it('does not fail when an instance is killed under load, and that one gets calls again when it is back', async () => {
    await using peers = await startTwoInstances();
    await peers.reach(2);
    let calls = 0;
    let isDone = false;
    const loaded = callConcurrently(
      () => {
        calls += 1;
        return peers.get();
      },
      () => isDone,
    );
    await eventually(() => expect(calls).toBeGreaterThan(100));
    await peers.first.proxy.disconnect();
    const atCut = calls;
    await eventually(() => expect(calls).toBeGreaterThan(atCut + 100));
    await peers.first.proxy.resume();
    await peers.reach(2);
    isDone = true;
    expect(new Set(await loaded)).toEqual(new Set(['first', 'second']));
  });

  it('does not fail when an instance stops under load, even if it may not run twice', async () => {
    let running = 0;
    await using peers = await startTwoInstances({
      claimNextTask: () => {
        running += 1;
      },
    });
    const claim = async () => (await peers.tasks.claimNextTask({})).taskId;
    await peers.reach(2);
    let isDone = false;
    const loaded = callConcurrently(claim, () => isDone);
    await eventually(() => expect(running).toBeGreaterThan(100));
    await peers.first.stop();
    isDone = true;
    const answers = await loaded;
    expect(answers).toContain('first');
    expect(answers).toHaveLength(running);
  });

  it('is not repeated when the connection broke and it may not run twice', async () => {
    const ran: string[] = [];
    const { work: handlers, entered } = hangingHandler();
    await using peers = await startTwoInstances({
      claimNextTask: (name, context) => {
        ran.push(name);
        return handlers(name, context);
      },
    });
    const reason = reasonOf(peers.tasks.claimNextTask({}));
    await entered;
    await Promise.all([peers.first.proxy.disconnect(), peers.second.proxy.disconnect()]);
    expect(await reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    expect(ran).toHaveLength(1);
  });

  it('is repeated on the other instance, once, when the connection broke and it may run twice', async () => {
    const ran: string[] = [];
    const { work: handlers, entered } = hangingHandler();
    await using peers = await startTwoInstances({
      getTask: (name, context) => {
        ran.push(name);
        return ran.length === 1 ? handlers(name, context) : undefined;
      },
    });
    const answer = peers.get();
    await entered;
    await (ran[0] === 'first' ? peers.first : peers.second).proxy.disconnect();
    expect(await answer).not.toBe(ran[0]);
    expect(new Set(ran).size).toBe(2);
  });

  it('is retried on another instance when one answers UNAVAILABLE, if it may run twice', async () => {
    const rejectUnavailable = (name: string) => {
      if (name === 'first') throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'not now');
    };
    await using peers = await startTwoInstances({ getTask: rejectUnavailable, claimNextTask: rejectUnavailable });
    await eventually(async () => {
      const claims = [peers.tasks.claimNextTask({}), peers.tasks.claimNextTask({})];
      expect(new Set(await Promise.all(claims.map(reasonOf)))).toContain(ErrorReason.SERVICE_UNAVAILABLE);
    });
    for (let times = 0; times < 4; times += 1) expect(await peers.get()).toBe('second');
  });

  it('is retried on another instance when one has another secret, and never looks like the caller’s fault', async () => {
    const lines: string[] = [];
    const logger = createLogger('error', { write: (line) => void lines.push(line) });
    const rejectSecret = (name: string) => {
      if (name === 'first') throw appError(ErrorReason.UNAUTHENTICATED, 'who are you?');
    };
    await using peers = await startTwoInstances({ getTask: rejectSecret, claimNextTask: rejectSecret }, { logger });
    const claim = () => reasonOf(peers.tasks.claimNextTask({}));
    await eventually(async () => expect([await claim(), await claim()]).toContain(ErrorReason.SERVICE_UNAVAILABLE));
    for (let times = 0; times < 4; times += 1) expect(await peers.get()).toBe('second');
    const { event, address } = JSON.parse(lines[0] ?? '{}');
    expect([event, address, lines.length]).toEqual(['peer_secret_mismatch', peers.first.address, 1]);
  });

  it('is unavailable when the instances are of a release that does not know it', async () => {
    await using peers = await startTwoInstances();
    const sessions = createClient(SessionService, peers.transport);
    const error = await sessions.getSession({ sessionId: 'ses_1' }).catch((thrown) => thrown);
    expect(errorInfo(error)?.reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  });

  it('is limited by the retry budget when no instance can serve it', async () => {
    let ran = 0;
    await using peers = await startTwoInstances({
      getTask: () => {
        ran += 1;
        throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'not now');
      },
    });
    const calls = 400;
    for (let n = 0; n < calls; n += 1) expect(await reasonOf(peers.get())).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    expect(ran).toBeLessThanOrEqual(calls * 1.1 + 100);
  });

  it('waits for the only instance while that restarts', async () => {
    await using only = await startPeerInstance('only');
    await only.proxy.disconnect();
    await using transport = peerTransport({ addresses: [only.address], waitForReadyMs: 20_000 });
    const answer = instanceName(createClient(TaskService, transport));
    await only.proxy.resume();
    expect(await answer).toBe('only');
  });

  it('fails at once with SERVICE_UNAVAILABLE when nothing has answered for long', async () => {
    await using only = await startPeerInstance('only');
    await only.proxy.disconnect();
    await using transport = peerTransport({ addresses: [only.address], waitForReadyMs: 0 });
    const call = createClient(TaskService, transport).getTask({ taskId: 'tsk_1' });
    expect(await reasonOf(call)).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  });

  it('is answered as soon as an instance is back, after any outage', async () => {
    await using only = await startPeerInstance('only');
    await only.proxy.disconnect();
    const pauses = { patienceMs: 0, firstRetryMs: 10, lastRetryMs: 3_600_000 };
    await using transport = peerTransport({ addresses: [only.address], ...pauses });
    const tasks = createClient(TaskService, transport);
    const failed = async () => expect(await reasonOf(instanceName(tasks))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    for (let times = 0; times < 15; times += 1) await failed();
    await only.proxy.resume();
    expect(await instanceName(tasks)).toBe('only');
  });

  it('skips an instance that says it does not serve, until it says it does', async () => {
    await using peers = await startTwoInstances();
    await peers.reach(2);
    peers.first.serving = false;
    await peers.reach(1);
    expect(await peers.get()).toBe('second');
    peers.first.serving = true;
    await peers.reach(2);
  });
});

describe('a call to another process that takes long', () => {
  it('ends at its deadline, though the instance hangs', async () => {
    await using only = await startPeerInstance('only');
    await using transport = peerTransport({ addresses: [only.address] });
    const tasks = createClient(TaskService, transport);
    await instanceName(tasks);
    only.proxy.freeze();
    const call = tasks.getTask({ taskId: 'tsk_1' }, { timeoutMs: 100 });
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });

  it('ends at its deadline, though there is no instance', async () => {
    await using transport = peerTransport({ addresses: ['http://127.0.0.1:1'], waitForReadyMs: 20_000 });
    const call = createClient(TaskService, transport).getTask({ taskId: 'tsk_1' }, { timeoutMs: 100 });
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });

  it('is retried on another instance when its instance hangs', async () => {
    await using peers = await startTwoInstances({}, { pingIntervalMs: 50, pingTimeoutMs: 50 });
    await peers.reach(2);
    peers.first.proxy.freeze();
    expect([await peers.get(), await peers.get()]).toEqual(['second', 'second']);
  });

  it('carries its deadline to the handler of the second hop', async () => {
    let left: number | undefined;
    await using hops = await startTwoHops({
      getTask: (_, context) => {
        left = context.timeoutMs();
      },
    });
    await hops.tasks.getTask({ taskId: 'tsk_1' }, { timeoutMs: 20_000 });
    expect(left).toBeGreaterThan(1_000);
    expect(left).toBeLessThanOrEqual(20_000);
  });

  it('is finished with all its calls when its instance stops', async () => {
    const entered = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    await using hops = await startTwoHops({
      getTask: async () => {
        entered.resolve();
        await go.promise;
      },
    });
    const answer = instanceName(hops.tasks);
    await entered.promise;
    const stopped = hops.middle.stop();
    go.resolve();
    expect(await answer).toBe('middle');
    await stopped;
  });

  it('stops its handler when the caller disconnects', async () => {
    const { work: handlers, entered, left } = hangingHandler();
    await using peers = await startTwoInstances({ getTask: handlers });
    const caller = new AbortController();
    const call = peers.tasks.getTask({ taskId: 'tsk_1' }, { signal: caller.signal });
    const failure = expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await entered;
    caller.abort();
    await failure;
    await left;
  });
});

describe('the metadata of a call to another process', () => {
  it('transfers headers and trailers', async () => {
    let sent: string | null = null;
    await using peers = await startTwoInstances({
      getTask: (_, { requestHeader, responseHeader, responseTrailer }) => {
        sent = requestHeader.get('x-asked');
        responseHeader.set('x-answered', 'yes');
        responseTrailer.set('x-at-the-end', 'too');
      },
    });
    const got: (string | null)[] = [];
    await peers.tasks.getTask(
      { taskId: 'tsk_1' },
      {
        headers: { 'x-asked': 'who' },
        onHeader: (header) => got.push(header.get('x-answered')),
        onTrailer: (trailer) => got.push(trailer.get('x-at-the-end')),
      },
    );
    expect(sent).toBe('who');
    expect(got).toEqual(['yes', 'too']);
  });

  it('transfers the ErrorInfo of an error', async () => {
    await using peers = await startTwoInstances({
      getTask: () => {
        throw appError(ErrorReason.TASK_NOT_FOUND, 'none', { task_id: 'tsk_1' });
      },
    });
    const error = await peers.get().catch((thrown) => thrown);
    expect(errorInfo(error)).toEqual({ reason: ErrorReason.TASK_NOT_FOUND, metadata: { task_id: 'tsk_1' } });
  });
});

describe('a stream from another process', () => {
  it('arrives, and its handler stops when the caller disconnects', async () => {
    const { work: handlers, left } = hangingHandler();
    await using peers = await startTwoInstances({ watchEvents: handlers });
    const caller = new AbortController();
    const read = async () => {
      for await (const { cursor } of peers.events.watchEvents({}, { signal: caller.signal })) {
        expect(['first', 'second']).toContain(cursor);
        caller.abort();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: Code.Canceled });
    await left;
  });

  it('ends with SERVICE_UNAVAILABLE when the connection breaks', async () => {
    const { work: handlers } = hangingHandler();
    await using peers = await startTwoInstances({ watchEvents: handlers });
    const stream = peers.events.watchEvents({})[Symbol.asyncIterator]();
    const { value } = await stream.next();
    await (value?.cursor === 'first' ? peers.first : peers.second).proxy.disconnect();
    expect(await reasonOf(stream.next())).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  });

  it('is opened elsewhere when an instance is down', async () => {
    await using peers = await startTwoInstances();
    await peers.reach(2);
    await peers.first.proxy.disconnect();
    for (let times = 0; times < 2; times += 1)
      for await (const { cursor } of peers.events.watchEvents({})) expect(cursor).toBe('second');
  });
});
