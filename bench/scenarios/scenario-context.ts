import type { Baselines } from '../baseline/baselines.ts';
import type { LoadGenerator } from '../load-generator/load-generator.ts';
import { measure } from '../measure/measure.ts';
import type { MeasurementResult } from '../measurement-result.ts';
import type { Options } from '../options.ts';
import type { Profile } from '../profiles.ts';
import type { BenchServers } from '../system/servers.ts';
import type { System } from '../system/system.ts';

/** What every section works with. */
export interface ScenarioContext {
  readonly options: Options;
  readonly profile: Profile;
  readonly loadGenerator: LoadGenerator;
  /** Undefined on a machine without them. */
  readonly servers: BenchServers | undefined;
  readonly baselines: Baselines;
  /** Says what is being measured. */
  log(text: string): void;
}

/** Runs the main flow until the code is warm. */
export async function warmUp({ loadGenerator, profile }: ScenarioContext, { url }: System): Promise<void> {
  await loadGenerator.run('flow', { url, inFlight: 8, until: { seconds: profile.warmUpSeconds } });
}

/** Measures, and says what came of it. */
export async function measureAndLog(
  context: ScenarioContext,
  system: System,
  measurement: Parameters<typeof measure>[1],
): Promise<MeasurementResult> {
  const result = await measure({ system, driver: context.loadGenerator }, measurement);
  const { failed, failure, latency } = result.outcome;
  const errors = failed > 0 ? `, ${failed} FAILED: ${failure}` : '';
  context.log(
    `${result.id}: ${result.perSecond.toFixed(1)}/s, p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms${errors}`,
  );
  return result;
}
