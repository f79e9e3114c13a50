import { randomBytes } from 'node:crypto';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Queue, Worker } from 'bullmq';
import { createPool } from 'mysql2/promise';
import { AckPolicy, connect } from 'nats';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { fillTemplate, type SqlScript } from '../../baseline/sql-script.ts';
import type { LoadResult } from '../../measurement-result.ts';
import { closedLoop, type StopCondition } from '../closed-loop.ts';
import { newSession, unique } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';

interface RawSpec {
  readonly url: string;
  readonly inFlight: number;
  readonly until: StopCondition;
}

/** The body of a session creation, sent to a Fastify route and back. */
export async function httpEcho({ url, inFlight, until }: RawSpec, ready: ReadySignal): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await ready();
  return await closedLoop(inFlight, until, async () => {
    await rest.send('POST', '/echo', newSession());
  });
}

/** A task, sent in a Connect call and back. */
export async function connectEcho({ url, inFlight, until }: RawSpec, ready: ReadySignal): Promise<LoadResult> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', acceptCompression: [] });
  const client = createClient(TaskService, transport);
  const { task_type, ...session } = newSession();
  const task = { sendContent: session.send_content, accountId: session.account_id, shopName: session.shop_name };
  await ready();
  return await closedLoop(inFlight, until, async () => {
    await client.createTask({ task }, { timeoutMs: 10_000 });
  });
}

export interface SqlSpec extends RawSpec {
  readonly script: SqlScript;
}

/** The recorded requests with new ids each time, on one connection per virtual user. */
export async function sqlReplay({ url, inFlight, until, script }: SqlSpec, ready: ReadySignal): Promise<LoadResult> {
  const pool = createPool({ uri: url, connectionLimit: inFlight, charset: 'utf8mb4_bin', multipleStatements: true });
  const connections = await Promise.all(
    Array.from({ length: inFlight }, async () => {
      const connection = await pool.getConnection();
      await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
      return connection;
    }),
  );
  try {
    await ready();
    const run = randomBytes(4).toString('hex');
    return await closedLoop(inFlight, until, async ({ virtualUser, n }) => {
      const salt = `${run}${n.toString(36).padStart(15, '0')}`;
      for (const request of script.requests) await connections[virtualUser]?.query(fillTemplate(request, salt));
    });
  } finally {
    for (const connection of connections) connection.release();
    await pool.end();
  }
}

/** BullMQ: from adding a job to the end of its processing by a worker in this process, which does nothing. */
export async function bullmq({ url, inFlight, until }: RawSpec, ready: ReadySignal): Promise<LoadResult> {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port) };
  const name = unique('q');
  await using stack = new AsyncDisposableStack();
  const queue = stack.adopt(new Queue(name, { connection }), (it) => it.close());
  const worker = stack.adopt(new Worker(name, async () => {}, { connection, concurrency: inFlight }), (it) =>
    it.close(),
  );
  const waiting = new Map<string, () => void>();
  worker.on('completed', (job) => waiting.get(job.id ?? '')?.());
  await worker.waitUntilReady();
  await ready();
  return await closedLoop(inFlight, until, async () => {
    const jobId = unique('j');
    const done = new Promise<void>((resolve) => waiting.set(jobId, resolve));
    await queue.add('send', newSession(), { jobId, removeOnComplete: true });
    await done;
    waiting.delete(jobId);
  });
}

/** JetStream on disk: from publishing a message to its arrival at a consumer in this process. */
export async function jetstream({ url, inFlight, until }: RawSpec, ready: ReadySignal): Promise<LoadResult> {
  const connection = await connect({ servers: new URL(url).host });
  const name = unique('b');
  try {
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name, subjects: [`${name}.>`] });
    await manager.consumers.add(name, { durable_name: name, ack_policy: AckPolicy.None });
    const js = connection.jetstream();
    const messages = await (await js.consumers.get(name, name)).consume({ max_messages: 1_000 });
    const waiting = new Map<string, () => void>();
    const reading = (async () => {
      for await (const { subject } of messages) waiting.get(subject)?.();
    })();
    const payload = Buffer.from(JSON.stringify(newSession()));
    await ready();
    const outcome = await closedLoop(inFlight, until, async () => {
      const subject = `${name}.${unique('e')}`;
      const arrived = new Promise<void>((resolve) => waiting.set(subject, resolve));
      await js.publish(subject, payload);
      await arrived;
      waiting.delete(subject);
    });
    await messages.close();
    await reading;
    await manager.streams.delete(name);
    return outcome;
  } finally {
    await connection.close();
  }
}
