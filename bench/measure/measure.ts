import type { LoadGenerator } from '../load-generator/load-generator.ts';
import type { JobName, SpecOf } from '../load-generator/main.ts';
import type { Baseline, Cost, MeasurementResult } from '../measurement-result.ts';
import type { ScenarioName } from '../options.ts';
import type { System } from '../system/system.ts';
import { rssMbOf, waitUntilIdle } from './process-usage.ts';
import { measureIdle, type ResourceUsage, readUsage, subtractIdle, usageBetween } from './resource-usage.ts';

/** A measurement: its name, its job and its baselines. */
export interface MeasurementSpec<N extends JobName> {
  readonly section: ScenarioName;
  readonly what: string;
  readonly job: N;
  readonly spec: SpecOf<N>;
  readonly inFlight: number;
  readonly limits?: readonly Baseline[];
}

/** Runs a job against a system and measures its cost, until all background work that it caused is done. */
export async function measure<N extends JobName>(
  { system, loadGenerator }: { system: System; loadGenerator: LoadGenerator },
  { section, what, job, spec, inFlight, limits = [] }: MeasurementSpec<N>,
): Promise<MeasurementResult> {
  const loadGeneratorProcess = [{ name: 'load generator', pid: loadGenerator.pid }];
  await measureIdle(system);
  let before = await readUsage(system, loadGeneratorProcess);
  const outcome = await loadGenerator.run(job, spec, async () => {
    await waitUntilIdle(system.processes);
    before = await readUsage(system, loadGeneratorProcess);
  });
  await waitUntilIdle(system.processes);
  const used = await subtractIdle(system, usageBetween(before, await readUsage(system, loadGeneratorProcess)));
  const cost = costOf(used, outcome.done, rssMbOf([...system.processes, ...loadGeneratorProcess]));
  const id = [section, system.mode, what, inFlight].join('/');
  const perSecond = outcome.done / outcome.seconds;
  return { id, section, mode: system.mode, what, inFlight, perSecond, outcome, cost, limits };
}

function costOf({ cpuMs, counters }: ResourceUsage, operations: number, rssMb: Cost['rssMb']): Cost {
  const perOperation = (total: number) => total / Math.max(1, operations);
  return {
    cpuMs: Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, perOperation(ms)])),
    rssMb,
    statements: perOperation(counters.statements),
    commits: perOperation(counters.commits),
    hops: perOperation(counters.hops),
  };
}
