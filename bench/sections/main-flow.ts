import { flowSteps } from '../driver/jobs/flow.ts';
import type { Figure } from '../figure.ts';
import type { System } from '../system/system.ts';
import { type Bench, measured } from './bench.ts';

/** (a) The main flow over REST at every concurrency. */
export async function mainFlow(bench: Bench, system: System): Promise<Figure[]> {
  const { limits, sizes } = bench;
  const figures: Figure[] = [];
  for (const inFlight of sizes.concurrency) {
    const figure = await measured(bench, system, {
      section: 'a',
      what: 'main flow',
      job: 'flow',
      spec: { url: system.url, inFlight, until: { seconds: sizes.seconds } },
      inFlight,
    });
    const raw = [
      ...(system.mode === 'embedded' ? [] : await limits.sql('flow', inFlight)),
      ...(await limits.http(inFlight, flowSteps.length)),
    ];
    figures.push({ ...figure, limits: raw });
  }
  return figures;
}
