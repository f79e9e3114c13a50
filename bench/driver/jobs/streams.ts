import { setTimeout as delay } from 'node:timers/promises';
import type { Outcome } from '../../figure.ts';
import type { Ready } from '../job.ts';
import { Samples } from '../latency.ts';
import { newSession } from '../names.ts';
import { RestDriver } from '../rest.ts';
import { openSse } from '../sse-client.ts';
import { openWatches } from '../watch-client.ts';

/** Deliveries that have not come by then are lost. */
const LATE_MS = 15_000;

export interface StreamsSpec {
  readonly url: string;
  readonly rpcUrl: string;
  readonly kind: 'sse' | 'grpc';
  readonly streams: number;
  readonly commits: number;
  readonly everyMs: number;
}

/** Streams that call back for every `session_created` with the time that the event carries, in epoch milliseconds. */
export type Arrived = (occurredAt: number) => void;

/**
 * Opens sessions, one at a time, and times their `session_created` event from the time that it carries (taken by the server
 * in the transaction, before the commit) to its arrival at each of many streams. An operation is a delivery.
 */
export async function streams(spec: StreamsSpec, ready: Ready): Promise<Outcome> {
  const samples = new Samples();
  const expected = spec.commits * spec.streams;
  let arrived = 0;
  const all = Promise.withResolvers<void>();
  const onArrival: Arrived = (occurredAt) => {
    samples.success(performance.timeOrigin + performance.now() - occurredAt);
    arrived += 1;
    if (arrived === expected) all.resolve();
  };
  using rest = new RestDriver(spec.url);
  await using _open =
    spec.kind === 'sse'
      ? await openSse(spec.url, spec.streams, onArrival)
      : await openWatches(spec.rpcUrl, spec.streams, onArrival);
  await ready();
  const start = performance.now();
  await commit(rest, spec, samples);
  await Promise.race([all.promise, delay(LATE_MS, undefined, { ref: false })]);
  for (let missing = expected - arrived; missing > 0; missing--) samples.failure('an event did not arrive');
  return samples.outcome((performance.now() - start) / 1_000);
}

async function commit(rest: RestDriver, { commits, everyMs }: StreamsSpec, samples: Samples): Promise<void> {
  const start = performance.now();
  for (let n = 0; n < commits; n++) {
    await delay(Math.max(0, start + n * everyMs - performance.now()));
    await samples.step('create', () => rest.data('POST', '/api/sessions/create', newSession()));
  }
}
