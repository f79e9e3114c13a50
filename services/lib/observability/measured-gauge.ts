import { setTimeout as delay } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';

/** The longest time that the other metrics wait for one gauge: they are needed most while the database hangs. */
const MEASURE_TIMEOUT_MS = 2_000;

/** A value with its labels. */
export interface Sample<L extends string> {
  readonly labels?: Readonly<Partial<Record<L, string>>>;
  readonly value: number;
}

/**
 * A gauge that is measured when the metrics are requested. It has no value before `measureBy`, and none while the measurement
 * fails: an old value would look current.
 */
export class MeasuredGauge<L extends string = never> {
  #measure: () => Promise<readonly Sample<L>[]> = async () => [];

  constructor(config: { name: string; help: string; labelNames: L[]; registers: Registry[] }) {
    const measure = () => this.#measure();
    new Gauge<L>({
      ...config,
      async collect() {
        const timeout = delay(MEASURE_TIMEOUT_MS, [], { ref: false });
        const samples = await Promise.race([measure(), timeout]).catch(() => []);
        this.reset();
        if (config.labelNames.length === 0 && samples.length === 0) this.remove();
        for (const { labels = {}, value } of samples) this.set(labels as Record<L, string>, value);
      },
    });
  }

  /** Measures its values now. Throws when that fails. */
  samples(): Promise<readonly Sample<L>[]> {
    return this.#measure();
  }

  /** Sets how it is measured; while the function throws, the gauge has no value. */
  measureBy(measure: () => Promise<readonly Sample<L>[]>): void {
    this.#measure = measure;
  }
}
