import type { Driver } from '../driver/driver.ts';
import type { Figure } from '../figure.ts';
import { measure } from '../measure/measure.ts';
import type { Options } from '../options.ts';
import type { Limits } from '../raw/limits.ts';
import type { Sizes } from '../sizes.ts';
import type { Servers } from '../system/servers.ts';
import type { System } from '../system/system.ts';

/** What every section works with. */
export interface Bench {
  readonly options: Options;
  readonly sizes: Sizes;
  readonly driver: Driver;
  /** Undefined on a machine without them. */
  readonly servers: Servers | undefined;
  readonly limits: Limits;
  /** Says what is being measured. */
  say(text: string): void;
}

/** Runs the main flow until the code is warm. */
export async function warmUp({ driver, sizes }: Bench, { url }: System): Promise<void> {
  await driver.run('flow', { url, inFlight: 8, until: { seconds: sizes.warmUpSeconds } });
}

/** Measures, and says what came of it. */
export async function measured(
  bench: Bench,
  system: System,
  measurement: Parameters<typeof measure>[1],
): Promise<Figure> {
  const figure = await measure({ system, driver: bench.driver }, measurement);
  const { failed, failure, latency } = figure.outcome;
  const errors = failed > 0 ? `, ${failed} FAILED: ${failure}` : '';
  bench.say(
    `${figure.id}: ${figure.perSecond.toFixed(1)}/s, p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms${errors}`,
  );
  return figure;
}
