// The load generator: a separate process, so that its CPU is not counted as the server's. Started by load-generator.ts.
import { once } from 'node:events';
import type { Job, LoadGeneratorCommand, LoadGeneratorReply } from './job.ts';
import { bullmq, connectEcho, httpEcho, jetstream, sqlReplay } from './jobs/baselines.ts';
import { chat, takeover } from './jobs/chat.ts';
import { flow } from './jobs/flow.ts';
import { overload } from './jobs/overload.ts';
import { claim, create, drain, ingest } from './jobs/steps.ts';
import { streams } from './jobs/streams.ts';

const jobs = {
  flow,
  create,
  claim,
  drain,
  ingest,
  streams,
  overload,
  chat,
  takeover,
  httpEcho,
  connectEcho,
  sqlReplay,
  bullmq,
  jetstream,
};

export type JobName = keyof typeof jobs;
export type SpecOf<N extends JobName> = Parameters<(typeof jobs)[N]>[0];

const sendReply = (message: LoadGeneratorReply) => void process.send?.(message);

async function ready(): Promise<void> {
  sendReply({ ready: true });
  await once(process, 'message');
}

async function run(name: string, spec: unknown): Promise<void> {
  const job = (jobs as Record<string, Job>)[name];
  try {
    if (!job) throw new Error(`unknown job ${name}`);
    sendReply({ outcome: await job(spec, ready) });
  } catch (error) {
    sendReply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

process.on('message', (message: LoadGeneratorCommand) => {
  if ('run' in message) void run(message.run, message.spec);
});
process.on('disconnect', () => process.exit());
