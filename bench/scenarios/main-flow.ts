import { flowStepNames } from '../load-generator/jobs/flow.ts';
import type { MeasurementResult } from '../measurement-result.ts';
import type { System } from '../system/system.ts';
import { measureAndLog, type ScenarioContext } from './scenario-context.ts';

/** (a) The main flow over REST at every concurrency. */
export async function mainFlow(context: ScenarioContext, system: System): Promise<MeasurementResult[]> {
  const { baselines, profile } = context;
  const results: MeasurementResult[] = [];
  for (const inFlight of profile.concurrency) {
    const result = await measureAndLog(context, system, {
      section: 'a',
      what: 'main flow',
      job: 'flow',
      spec: { url: system.url, inFlight, until: { seconds: profile.seconds } },
      inFlight,
    });
    const measuredBaselines = [
      ...(system.mode === 'embedded' ? [] : await baselines.sql('flow', inFlight)),
      ...(await baselines.http(inFlight, flowStepNames.length)),
    ];
    results.push({ ...result, limits: measuredBaselines });
  }
  return results;
}
