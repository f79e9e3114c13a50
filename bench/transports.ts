// Compares transports between two services in one run: two processes on loopback, an echo of CreateTask. CPU per call is the
// figure to compare: it does not depend on other load of the machine.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { Control } from '../gen/autosession/control/v1/control_pb.js';
import { QueueLevel, TaskSchema, TaskStatus, TaskType } from '../gen/autosession/task/v1/task_pb.js';
import { TaskService } from '../gen/autosession/task/v1/task_service_pb.js';
import { healthRoutes } from '../services/lib/http/rpc/health.ts';
import { listenRpc } from '../services/lib/http/server/rpc-server.ts';
import { peerTransport } from '../services/lib/rpc/peer-transport.ts';
import { grpcJsTransport } from './grpc-js-transport.ts';

const ROUNDS = 7;
const CALLS = 1_500;
const IN_FLIGHT = [1, 8, 32];

const candidates: Record<string, (port: number, stack: AsyncDisposableStack) => Transport> = {
  'peerTransport (ours)': (port, stack) => stack.use(peerTransport({ addresses: [`http://127.0.0.1:${port}`] })),
  'connect-node, Connect': (port) =>
    createConnectTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: '2', acceptCompression: [] }),
  'connect-node, gRPC': (port) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, acceptCompression: [] }),
  'grpc-js': (port, stack) => stack.use(grpcJsTransport(`ipv4:127.0.0.1:${port}`)),
};

interface Sample {
  perSecond: number;
  clientMicros: number;
  serverMicros: number;
  p50: number;
  p99: number;
}

const task = {
  taskId: 'tsk_01m7ynfjy6k70zbw3z0krc11r8',
  sessionId: 'ses_01m7ynfjy6k70zbw3z0krc11r7',
  externalTaskId: 'order-1795251751',
  taskType: TaskType.AUTO_BARGAIN,
  level: QueueLevel.LEVEL3,
  sendContent: '您好，可以便宜一点吗？我想买三件，麻烦看一下能不能给个优惠价。',
  accountId: 't-buyer',
  shopId: '1795251751',
  shopName: '示例店铺1795251751',
  platform: '淘天',
  maxAttempts: 1,
};

if (process.send) await serve();
else await compareTransports();

async function serve(): Promise<void> {
  const answer = create(TaskSchema, { ...task, taskStatus: TaskStatus.PENDING });
  const { signal: stopping } = new AbortController();
  const health = healthRoutes([TaskService], async () => true, stopping);
  const server = await listenRpc({
    routes: (router) => {
      health(router);
      router.service(TaskService, { createTask: async () => ({ task: answer }) });
    },
    interceptors: [],
    host: '127.0.0.1',
    port: 0,
  });
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => server.close(0));
  process.send?.({ port: server.port });
}

async function compareTransports(): Promise<void> {
  const child = fork(import.meta.filename, { stdio: 'inherit' });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  await using stack = new AsyncDisposableStack();
  const clients = Object.entries(candidates).map(([name, candidate]) => ({
    name,
    client: createClient(TaskService, candidate(port, stack)),
  }));
  for (const { client } of clients) await callConcurrently(client, 8, CALLS);
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < ROUNDS; round += 1)
    for (const inFlight of IN_FLIGHT)
      for (const { name, client } of clients) {
        const key = `${name}\t${inFlight}`;
        samples.set(key, [...(samples.get(key) ?? []), await measure(child, client, inFlight)]);
      }
  report(samples);
  child.disconnect();
}

async function measure(child: ChildProcess, client: Client<typeof TaskService>, inFlight: number): Promise<Sample> {
  const serverBefore = await serverCpu(child);
  const before = process.cpuUsage();
  const start = performance.now();
  const latencies = await callConcurrently(client, inFlight, CALLS);
  const seconds = (performance.now() - start) / 1_000;
  const spent = toMicros(process.cpuUsage(before));
  const serverSpent = toMicros(await serverCpu(child)) - toMicros(serverBefore);
  latencies.sort((a, b) => a - b);
  return {
    perSecond: CALLS / seconds,
    clientMicros: spent / CALLS,
    serverMicros: serverSpent / CALLS,
    p50: latencies[Math.floor(CALLS * 0.5)] ?? 0,
    p99: latencies[Math.floor(CALLS * 0.99)] ?? 0,
  };
}

async function callConcurrently(
  client: Client<typeof TaskService>,
  inFlight: number,
  calls: number,
): Promise<number[]> {
  const latencies: number[] = [];
  let remaining = calls;
  const worker = async () => {
    while (remaining > 0) {
      remaining -= 1;
      const start = performance.now();
      await client.createTask({ task, status: Control.BOT_ACTIVE }, { timeoutMs: 10_000 });
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return latencies;
}

async function serverCpu(child: ChildProcess): Promise<NodeJS.CpuUsage> {
  child.send('cpu');
  const [usage] = await once(child, 'message');
  return usage;
}

function toMicros({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

function report(samples: Map<string, Sample[]>): void {
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  console.log(`${ROUNDS} rounds of ${CALLS} calls each; medians`);
  for (const [key, rounds] of samples) {
    const of = (field: keyof Sample) => median(rounds.map((sample) => sample[field]));
    const [name = '', inFlight = ''] = key.split('\t');
    console.log(
      `${name.padEnd(24)} ${inFlight.padStart(3)} in flight  ${of('perSecond').toFixed(0).padStart(6)} calls/s  ` +
        `CPU caller ${of('clientMicros').toFixed(0).padStart(4)} µs + server ${of('serverMicros').toFixed(0).padStart(4)} µs  ` +
        `p50 ${of('p50').toFixed(2)} ms  p99 ${of('p99').toFixed(2)} ms`,
    );
  }
}
