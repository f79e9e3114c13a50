import { setTimeout as delay } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';

/** The other metrics do not wait longer for one: they are needed most while the database hangs. */
const MEASURE_MS = 2_000;

/** A value with its labels. */
export interface Sample<L extends string> {
  readonly labels?: Readonly<Partial<Record<L, string>>>;
  readonly value: number;
}

/**
 * A gauge that is measured when the metrics are asked for. It has no value before `measureBy`, and none while it cannot
 * be measured: an old one would look like a present one.
 */
export class MeasuredGauge<L extends string = never> {
  #measure: () => Promise<readonly Sample<L>[]> = async () => [];

  constructor(config: { name: string; help: string; labelNames: L[]; registers: Registry[] }) {
    const measure = () => this.#measure();
    new Gauge<L>({
      ...config,
      async collect() {
        const late = delay(MEASURE_MS, [], { ref: false });
        const samples = await Promise.race([measure(), late]).catch(() => []);
        this.reset();
        if (config.labelNames.length === 0 && samples.length === 0) this.remove();
        for (const { labels = {}, value } of samples) this.set(labels as Record<L, string>, value);
      },
    });
  }

  /** Its values now. Throws when it cannot be measured. */
  samples(): Promise<readonly Sample<L>[]> {
    return this.#measure();
  }

  /** How it is measured; a throw leaves it without a value. */
  measureBy(measure: () => Promise<readonly Sample<L>[]>): void {
    this.#measure = measure;
  }
}
