import { setTimeout as delay } from 'node:timers/promises';
import type { LoadResult } from '../../measurement-result.ts';
import { newSession } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';
import { LoadSamples } from '../samples.ts';

const TICK_MS = 5;

export interface OverloadSpec {
  readonly url: string;
  /** Arrivals per second, independent of the answers. */
  readonly rate: number;
  readonly seconds: number;
}

/**
 * Session creations that arrive at a fixed rate and do not wait for each other. The step `refused` is the latency of refusals; a
 * refusal without Retry-After is a failure. `late` is the delay with which the load generator sent an arrival; no other figure
 * contains it. `drained` is the time from the last arrival to the last answer. The outcome's seconds end with the last answer,
 * so that a growing queue does not count as throughput.
 */
export async function overload({ url, rate, seconds }: OverloadSpec, ready: ReadySignal): Promise<LoadResult> {
  using rest = new LoadRestClient(url);
  await ready();
  const samples = new LoadSamples();
  const pending: Promise<void>[] = [];
  const start = performance.now();
  for (let sent = 0; sent < rate * seconds; await delay(TICK_MS)) {
    const due = Math.min(rate * seconds, (rate * (performance.now() - start)) / 1_000);
    for (; sent < due; sent++) {
      samples.latency('late', performance.now() - start - (1_000 * sent) / rate);
      pending.push(sendOne(rest, samples));
    }
  }
  const arrivalSeconds = (performance.now() - start) / 1_000;
  await Promise.all(pending);
  const totalSeconds = (performance.now() - start) / 1_000;
  samples.latency('drained', (totalSeconds - arrivalSeconds) * 1_000);
  return samples.outcome(totalSeconds);
}

async function sendOne(rest: LoadRestClient, samples: LoadSamples): Promise<void> {
  const from = performance.now();
  try {
    const { status, retryAfter, body } = await rest.send('POST', '/api/sessions/create', newSession());
    const ms = performance.now() - from;
    if (status === 200) return samples.success(ms);
    const isRefused = (status === 503 || status === 429) && retryAfter !== undefined;
    if (!isRefused) return samples.failure(`${status} ${JSON.stringify(body)}`);
    samples.refusal();
    samples.latency('refused', ms);
  } catch (error) {
    samples.failure(error);
  }
}
