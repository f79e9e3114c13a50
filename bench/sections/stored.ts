import type { Figure } from '../figure.ts';
import { seededDatabase } from '../seed/seed.ts';
import type { Servers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { type Bench, measured, warmUp } from './bench.ts';
import { singleSteps } from './single-steps.ts';

const IN_FLIGHT = 8;

/** (c) The same operations beside few and beside many stored sessions, once both databases are filled. */
export async function stored(bench: Bench, servers: Servers): Promise<Figure[]> {
  const databases: [sessions: number, mysqlUrl: string][] = [];
  for (const sessions of bench.sizes.stored) {
    const start = performance.now();
    databases.push([sessions, await seededDatabase(servers, sessions)]);
    bench.say(`${sessions} sessions are stored (${((performance.now() - start) / 1_000).toFixed(0)} s)`);
  }
  const figures: Figure[] = [];
  for (const [sessions, mysqlUrl] of databases) figures.push(...(await beside(bench, servers, sessions, mysqlUrl)));
  return figures;
}

async function beside(bench: Bench, servers: Servers, sessions: number, mysqlUrl: string): Promise<Figure[]> {
  await using system = await startSystem('one', servers, mysqlUrl);
  await warmUp(bench, system);
  const at = ` beside ${sessions}`;
  const spec = { url: system.url, inFlight: IN_FLIGHT, until: { seconds: bench.sizes.seconds } };
  const what = `main flow${at}`;
  const flow = await measured(bench, system, { section: 'c', what, job: 'flow', spec, inFlight: IN_FLIGHT });
  return [flow, ...(await singleSteps(bench, system, 'c', at))];
}
