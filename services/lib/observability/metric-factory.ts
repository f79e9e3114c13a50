import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { MeasuredGauge } from './measured-gauge.ts';

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A long poll takes as long as its caller asked for, at most 30 s. */
export const LONG_POLL_BUCKETS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 35];

/** Creates metrics in one registry, under names that begin with `autosession_`. Labels are words of closed lists, never ids. */
export class MetricFactory {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter<L>(this.#options(name, help, labelNames));
  }

  gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge<L>(this.#options(name, help, labelNames));
  }

  /** A gauge that is measured when the metrics are requested. */
  measured<L extends string = never>(name: string, help: string, labelNames: L[] = []): MeasuredGauge<L> {
    return new MeasuredGauge<L>(this.#options(name, help, labelNames));
  }

  /** A histogram of durations in seconds. */
  seconds<L extends string>(name: string, help: string, labelNames: L[], buckets = LATENCY_BUCKETS): Histogram<L> {
    return new Histogram<L>({ ...this.#options(name, help, labelNames), buckets });
  }

  #options<L extends string>(name: string, help: string, labelNames: L[]) {
    return { name: `autosession_${name}`, help, labelNames, registers: this.#registers };
  }
}
