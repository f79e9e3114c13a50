import type { Baseline, MeasurementResult } from '../measurement-result.ts';
import type { ScenarioName } from '../options.ts';
import type { System } from '../system/system.ts';
import { measureAndLog, type ScenarioContext } from './scenario-context.ts';

const CREATE_IN_FLIGHT = 16;
const CLAIM_IN_FLIGHT = 32;

/** The single operations of (b); (c) measures them again with other dataset sizes. */
export async function singleSteps(
  context: ScenarioContext,
  system: System,
  section: ScenarioName,
  suffix = '',
): Promise<MeasurementResult[]> {
  return [
    await measureCreate(context, system, section, suffix),
    await measureClaim(context, system, section, suffix),
    ...(await measureIngest(context, system, section, suffix)),
  ];
}

async function measureCreate(
  context: ScenarioContext,
  system: System,
  section: ScenarioName,
  suffix: string,
): Promise<MeasurementResult> {
  const { baselines, profile } = context;
  const inFlight = CREATE_IN_FLIGHT;
  const spec = { url: system.url, inFlight, until: { seconds: profile.seconds } };
  const result = await measureAndLog(context, system, {
    section,
    what: `create${suffix}`,
    job: 'create',
    spec,
    inFlight,
  });
  await drainQueue(context, system);
  return {
    ...result,
    limits: [
      ...(await measureSqlBaselines(context, system, ['create', 'create_transaction'], inFlight)),
      ...(await baselines.http(inFlight)),
      ...(system.mode === 'split' ? await baselines.rpc(inFlight) : []),
    ],
  };
}

/** Completes the tasks that `create` left in the queue, so that the next job does not claim them. */
async function drainQueue({ loadGenerator }: ScenarioContext, { url }: System): Promise<void> {
  await loadGenerator.run('drain', { url, inFlight: CLAIM_IN_FLIGHT });
}

async function measureClaim(
  context: ScenarioContext,
  system: System,
  section: ScenarioName,
  suffix: string,
): Promise<MeasurementResult> {
  const { baselines, profile } = context;
  const inFlight = CLAIM_IN_FLIGHT;
  const spec = { url: system.url, inFlight, until: { count: profile.tasks } };
  const result = await measureAndLog(context, system, {
    section,
    what: `claim+complete${suffix}`,
    job: 'claim',
    spec,
    inFlight,
  });
  const sqlBaselines = await measureSqlBaselines(context, system, ['claim'], inFlight);
  return { ...result, limits: [...(await baselines.bullmq(inFlight)), ...sqlBaselines] };
}

async function measureIngest(
  context: ScenarioContext,
  system: System,
  section: ScenarioName,
  suffix: string,
): Promise<MeasurementResult[]> {
  const results: MeasurementResult[] = [];
  for (const { messages, count, inFlight } of context.profile.batches)
    for (const repeated of [false, true]) {
      const what = `ingest of ${messages} ${repeated ? 'known' : 'new'}${suffix}`;
      const spec = { url: system.url, inFlight, until: { count }, messages, repeated };
      const result = await measureAndLog(context, system, { section, what, job: 'ingest', spec, inFlight });
      const script = `ingest_${messages}` as 'ingest_1';
      results.push({
        ...result,
        limits: repeated ? [] : await measureSqlBaselines(context, system, [script], inFlight),
      });
    }
  return results;
}

async function measureSqlBaselines(
  { baselines }: ScenarioContext,
  { mode }: System,
  scripts: readonly Parameters<typeof baselines.sql>[0][],
  inFlight: number,
): Promise<Baseline[]> {
  if (mode === 'embedded') return [];
  const all: Baseline[] = [];
  for (const script of scripts) all.push(...(await baselines.sql(script, inFlight)));
  return all;
}
