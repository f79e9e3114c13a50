import type { Baselines } from '../baseline/baselines.ts';
import type { LoadGenerator } from '../load-generator/load-generator.ts';
import type { JobName } from '../load-generator/main.ts';
import { type MeasurementSpec, measure } from '../measure/measure.ts';
import type { MeasurementResult } from '../measurement-result.ts';
import type { Options } from '../options.ts';
import type { Profile } from '../profiles.ts';
import type { BenchServers } from '../system/servers.ts';
import type { System } from '../system/system.ts';

/** The input of every scenario. */
export interface ScenarioContext {
  readonly options: Options;
  readonly profile: Profile;
  readonly loadGenerator: LoadGenerator;
  /** Undefined on a machine without servers. */
  readonly servers: BenchServers | undefined;
  readonly baselines: Baselines;
  /** Prints a progress line. */
  log(text: string): void;
}

/** Runs the main flow as a warm-up. */
export async function warmUp({ loadGenerator, profile }: ScenarioContext, { url }: System): Promise<void> {
  await loadGenerator.run('flow', { url, inFlight: 8, until: { seconds: profile.warmUpSeconds } });
}

/** Runs a measurement and logs its result. */
export async function measureAndLog<N extends JobName>(
  context: ScenarioContext,
  system: System,
  measurement: MeasurementSpec<N>,
): Promise<MeasurementResult> {
  const result = await measure({ system, loadGenerator: context.loadGenerator }, measurement);
  const { failed, failure, latency } = result.outcome;
  const errors = failed > 0 ? `, ${failed} FAILED: ${failure}` : '';
  context.log(
    `${result.id}: ${result.perSecond.toFixed(1)}/s, p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms${errors}`,
  );
  return result;
}
