import type { Figure } from '../figure.ts';
import { Seed } from '../seed/seed.ts';
import type { Servers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { type Bench, measured, warmUp } from './bench.ts';
import { singleSteps } from './single-steps.ts';

const IN_FLIGHT = 8;

/** (c) The same operations beside few and beside many stored sessions, in one database that grows. */
export async function stored(bench: Bench, servers: Servers): Promise<Figure[]> {
  const { sizes } = bench;
  await using seed = await Seed.on(servers, sizes.stored[1]);
  const figures: Figure[] = [];
  for (const sessions of sizes.stored) {
    const seconds = await seed.fill(sessions);
    bench.say(`${sessions} sessions are stored (${seconds.toFixed(0)} s)`);
    const at = ` beside ${sessions}`;
    await using system = await startSystem('one', servers, seed.mysqlUrl);
    await warmUp(bench, system);
    const spec = { url: system.url, inFlight: IN_FLIGHT, until: { seconds: sizes.seconds } };
    figures.push(
      await measured(bench, system, { section: 'c', what: `main flow${at}`, job: 'flow', spec, inFlight: IN_FLIGHT }),
      ...(await singleSteps(bench, system, 'c', at)),
    );
  }
  return figures;
}
