import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { sessionBody } from '../support/factories.ts';
import type { RestClient, SseFrame } from '../support/http/rest-client.ts';
import { startProcesses, type TargetProcess } from '../support/processes/start-processes.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';

const OTHERS = ['session', 'task-dispatch', 'message-analysis', 'handover'];

async function twoGateways() {
  const system = await startProcesses('gateway', 'gateway', ...OTHERS);
  const [first, second] = system.processes as [TargetProcess, TargetProcess];
  const stop = () => first.running[Symbol.asyncDispose]();
  return { first, second, stop, [Symbol.asyncDispose]: () => system[Symbol.asyncDispose]() };
}

/** Resolves when the gateway has asked for a task for the n-th time. */
function asked(times: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const armed = armFailpoint('call:TaskService/ClaimNextTask', () => {
    count += 1;
    if (count === times) resolve();
  });
  return { promise, [Symbol.dispose]: () => armed[Symbol.dispose]() };
}

const create = async (rest: RestClient, overrides = {}) =>
  (await rest.ok(rest.post('/api/sessions/create', sessionBody(overrides)))) as { session_id: string; task_id: string };

describe.runIf(sharedServersAvailable)('a gateway that stops', () => {
  it('answers senders that wait for a task, over REST and over gRPC', async () => {
    await using gateways = await twoGateways();
    using waiting = asked(2);
    const tasks = createClient(TaskService, createGrpcTransport({ baseUrl: gateways.first.rpcUrl }));
    const overRest = gateways.first.rest.get('/api/tasks/next_id?wait_seconds=30');
    const overGrpc = tasks.claimNextTask({ waitSeconds: 30 });
    const answers = Promise.all([overRest, overGrpc]);
    await Promise.race([waiting.promise, answers]);
    const stopped = gateways.stop();
    const [rest, grpc] = await answers;
    expect([rest.status, rest.body.success, grpc.taskId]).toEqual([200, false, '']);
    await stopped;
  }, 60_000);

  it('ends streams, which continue at the other one without a gap', async () => {
    await using gateways = await twoGateways();
    const { first, second } = gateways;
    const overrides = { account_id: `t-${process.pid}-stream` };
    const path = `/api/events/stream?types=session_created&account_id=${overrides.account_id}`;
    const reading = new AbortController();
    const before = await first.rest.stream(path, reading.signal);
    const ids = [(await create(second.rest, overrides)).session_id];
    const frames: SseFrame[] = [];
    const read = async (from: AsyncGenerator<SseFrame>, until: number) => {
      for await (const frame of from) {
        if (frame.event === 'session_created') frames.push(frame);
        if (frames.length === until) return;
      }
    };
    const { value } = await before.next();
    frames.push(value as SseFrame);
    const ended = read(before, Number.POSITIVE_INFINITY);
    await gateways.stop();
    await ended;
    ids.push((await create(second.rest, overrides)).session_id);
    const after = await second.rest.stream(path, reading.signal, { 'last-event-id': frames.at(-1)?.id ?? '' });
    ids.push((await create(second.rest, overrides)).session_id);
    await read(after, ids.length);
    reading.abort();
    expect(frames.map(({ data }) => data.session_id)).toEqual(ids);
  }, 60_000);
});

describe.runIf(sharedServersAvailable)('a sender that waits at a gateway', () => {
  it('gets a task that arrives late', async () => {
    await using gateways = await twoGateways();
    using waiting = asked(2);
    const claim = gateways.first.rest.get('/api/tasks/next_id?wait_seconds=20');
    await waiting.promise; // the first part of the wait is over
    const { task_id } = await create(gateways.second.rest);
    expect((await claim).data.task_id).toBe(task_id);
  }, 60_000);
});
