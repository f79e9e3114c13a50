import type { MeasurementResult } from '../measurement-result.ts';
import { seededDatabase } from '../seed/seeded-database.ts';
import type { BenchServers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { measureAndLog, type ScenarioContext, warmUp } from './scenario-context.ts';
import { singleSteps } from './single-steps.ts';

const IN_FLIGHT = 8;

/** (c) The same operations with few and with many stored sessions, after both databases are filled. */
export async function datasetSize(context: ScenarioContext, servers: BenchServers): Promise<MeasurementResult[]> {
  const databases: [sessions: number, mysqlUrl: string][] = [];
  for (const sessions of context.profile.datasetSizes) {
    const start = performance.now();
    databases.push([sessions, await seededDatabase(servers, sessions)]);
    context.log(`${sessions} sessions are stored (${((performance.now() - start) / 1_000).toFixed(0)} s)`);
  }
  const results: MeasurementResult[] = [];
  for (const [sessions, mysqlUrl] of databases)
    results.push(...(await measureAtSize(context, servers, sessions, mysqlUrl)));
  return results;
}

async function measureAtSize(
  context: ScenarioContext,
  servers: BenchServers,
  sessions: number,
  mysqlUrl: string,
): Promise<MeasurementResult[]> {
  await using system = await startSystem('single-process', servers, mysqlUrl);
  await warmUp(context, system);
  const suffix = ` beside ${sessions}`;
  const spec = { url: system.url, inFlight: IN_FLIGHT, until: { seconds: context.profile.seconds } };
  const what = `main flow${suffix}`;
  const flow = await measureAndLog(context, system, { section: 'c', what, job: 'flow', spec, inFlight: IN_FLIGHT });
  return [flow, ...(await singleSteps(context, system, 'c', suffix))];
}
