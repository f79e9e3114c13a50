import type { MeasurementResult } from '../measurement-result.ts';
import type { System } from '../system/system.ts';
import { measureAndLog, type ScenarioContext } from './scenario-context.ts';

/** The event streams of (b): the latency from commit to each of many clients. */
export async function fanOut(context: ScenarioContext, system: System): Promise<MeasurementResult[]> {
  const { baselines, profile } = context;
  const results: MeasurementResult[] = [];
  for (const kind of ['sse', 'grpc'] as const)
    for (const streams of profile.streams) {
      const { url, rpcUrl } = system;
      const spec = { url, rpcUrl, kind, streams, commits: profile.commits, everyMs: profile.commitEveryMs };
      const what = kind === 'sse' ? 'SSE streams' : 'WatchEvents streams';
      const result = await measureAndLog(context, system, {
        section: 'b',
        what,
        job: 'streams',
        spec,
        inFlight: streams,
      });
      results.push({ ...result, limits: system.mode === 'embedded' ? [] : await baselines.jetstream(1) });
    }
  return results;
}
