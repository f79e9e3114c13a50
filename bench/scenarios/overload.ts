import type { LoadResult, MeasurementResult } from '../measurement-result.ts';
import type { System } from '../system/system.ts';
import { measureAndLog, type ScenarioContext } from './scenario-context.ts';

const PEAK_IN_FLIGHT = 32;
const LIGHT_IN_FLIGHT = 4;

/** The results of (d) beside its measurements. */
export interface OverloadReport {
  readonly mode: System['mode'];
  readonly peakPerSecond: number;
  readonly arrivalsPerSecond: number;
  readonly goodputPerSecond: number;
  readonly during: LoadResult;
  /** The medians of a light load before and after, and the time from the last arrival to the last answer, in milliseconds. */
  readonly calmBefore: number;
  readonly calmAfter: number;
  readonly drainedMs: number;
}

/** (d) Session creations at several times the saturation rate, without waiting for each other. */
export async function overload(
  context: ScenarioContext,
  system: System,
): Promise<{ figures: MeasurementResult[]; report: OverloadReport }> {
  const { profile } = context;
  const { url } = system;
  const load = (what: string, inFlight: number, seconds: number) =>
    measureAndLog(context, system, {
      section: 'd',
      what,
      job: 'create',
      spec: { url, inFlight, until: { seconds } },
      inFlight,
    });
  const before = await load('calm before', LIGHT_IN_FLIGHT, profile.seconds / 2);
  const peak = await load('peak', PEAK_IN_FLIGHT, profile.seconds);
  const rate = Math.ceil(peak.perSecond * profile.overloadFactor);
  const spec = { url, rate, seconds: profile.overloadSeconds };
  const what = `${profile.overloadFactor} times the peak`;
  const during = await measureAndLog(context, system, { section: 'd', what, job: 'overload', spec, inFlight: 0 });
  const after = await load('calm after', LIGHT_IN_FLIGHT, profile.seconds / 2);
  return {
    figures: [before, peak, during, after],
    report: {
      mode: system.mode,
      peakPerSecond: peak.perSecond,
      arrivalsPerSecond: rate,
      goodputPerSecond: during.perSecond,
      during: during.outcome,
      calmBefore: before.outcome.latency.p50,
      calmAfter: after.outcome.latency.p50,
      drainedMs: during.outcome.steps.drained?.max ?? 0,
    },
  };
}
