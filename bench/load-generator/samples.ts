import type { LoadResult, Quantiles } from '../measurement-result.ts';

/** The quantiles of latencies in milliseconds; zeros if there are none. */
export function quantiles(latencies: readonly number[]): Quantiles {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Collects the latencies and results of a running load. */
export class LoadSamples {
  readonly #latencies: number[] = [];
  readonly #steps = new Map<string, number[]>();
  #done = 0;
  #refused = 0;
  #failed = 0;
  #failure: string | undefined;

  /** Measures a step of an operation. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.latency(name, performance.now() - start);
    return result;
  }

  latency(step: string, ms: number): void {
    const stepLatencies = this.#steps.get(step);
    if (stepLatencies) stepLatencies.push(ms);
    else this.#steps.set(step, [ms]);
  }

  /** An operation succeeded after `ms`. */
  success(ms: number, operations = 1): void {
    this.#latencies.push(ms);
    this.#done += operations;
  }

  refusal(): void {
    this.#refused += 1;
  }

  failure(error: unknown): void {
    this.#failed += 1;
    this.#failure ??= error instanceof Error ? error.message : String(error);
  }

  outcome(seconds: number): LoadResult {
    return {
      done: this.#done,
      refused: this.#refused,
      failed: this.#failed,
      failure: this.#failure,
      seconds,
      latency: quantiles(this.#latencies),
      steps: Object.fromEntries([...this.#steps].map(([name, all]) => [name, quantiles(all)])),
    };
  }
}
