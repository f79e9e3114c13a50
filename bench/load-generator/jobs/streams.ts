import { setTimeout as delay } from 'node:timers/promises';
import type { LoadResult } from '../../measurement-result.ts';
import { newSession } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';
import { LoadSamples } from '../samples.ts';
import { openSse } from '../sse-client.ts';
import { openWatches } from '../watch-client.ts';

/** Deliveries that have not arrived by then count as lost. */
const DELIVERY_TIMEOUT_MS = 15_000;

export interface StreamsSpec {
  readonly url: string;
  readonly rpcUrl: string;
  readonly kind: 'sse' | 'grpc';
  readonly streams: number;
  readonly commits: number;
  readonly everyMs: number;
}

/** Called for every received `session_created` with the event's time in epoch milliseconds. */
export type OnEvent = (occurredAt: number) => void;

/**
 * Creates sessions, one at a time, and measures the latency of their `session_created` events: from the event's own time (which
 * the server takes in the transaction, before the commit) to its arrival at each of many streams. An operation is a delivery.
 */
export async function streams(spec: StreamsSpec, ready: ReadySignal): Promise<LoadResult> {
  const samples = new LoadSamples();
  const expected = spec.commits * spec.streams;
  let received = 0;
  const allReceived = Promise.withResolvers<void>();
  const onEvent: OnEvent = (occurredAt) => {
    samples.success(performance.timeOrigin + performance.now() - occurredAt);
    received += 1;
    if (received === expected) allReceived.resolve();
  };
  using rest = new LoadRestClient(spec.url);
  await using _open =
    spec.kind === 'sse'
      ? await openSse(spec.url, spec.streams, onEvent)
      : await openWatches(spec.rpcUrl, spec.streams, onEvent);
  await ready();
  const start = performance.now();
  await commitAtInterval(rest, spec, samples);
  await Promise.race([allReceived.promise, delay(DELIVERY_TIMEOUT_MS, undefined, { ref: false })]);
  for (let missing = expected - received; missing > 0; missing--) samples.failure('an event did not arrive');
  return samples.outcome((performance.now() - start) / 1_000);
}

async function commitAtInterval(
  rest: LoadRestClient,
  { commits, everyMs }: StreamsSpec,
  samples: LoadSamples,
): Promise<void> {
  const start = performance.now();
  for (let n = 0; n < commits; n++) {
    await delay(Math.max(0, start + n * everyMs - performance.now()));
    await samples.step('create', () => rest.data('POST', '/api/sessions/create', newSession()));
  }
}
