import type { Driver } from '../driver/driver.ts';
import type { JobName, SpecOf } from '../driver/main.ts';
import type { Cost, Figure, Limit } from '../figure.ts';
import type { SectionName } from '../options.ts';
import type { System } from '../system/system.ts';
import { rssOf, settle } from './cpu.ts';
import { between, idleOf, type Reading, readingOf, withoutIdle } from './idle.ts';

/** What is to be measured, and how it is called. */
export interface Measurement<N extends JobName> {
  readonly section: SectionName;
  readonly what: string;
  readonly job: N;
  readonly spec: SpecOf<N>;
  readonly inFlight: number;
  readonly limits?: readonly Limit[];
}

/** Runs a job against a system and counts what it cost, until everything behind it has come to rest. */
export async function measure<N extends JobName>(
  { system, driver }: { system: System; driver: Driver },
  { section, what, job, spec, inFlight, limits = [] }: Measurement<N>,
): Promise<Figure> {
  const beside = [{ name: 'driver', pid: driver.pid }];
  await idleOf(system);
  let before = await readingOf(system, beside);
  const outcome = await driver.run(job, spec, async () => {
    await settle(system.processes);
    before = await readingOf(system, beside);
  });
  await settle(system.processes);
  const used = await withoutIdle(system, between(before, await readingOf(system, beside)));
  const cost = costOf(used, outcome.done, rssOf([...system.processes, ...beside]));
  const id = [section, system.mode, what, inFlight].join('/');
  const perSecond = outcome.done / outcome.seconds;
  return { id, section, mode: system.mode, what, inFlight, perSecond, outcome, cost, limits };
}

function costOf({ cpuMs, counters }: Reading, operations: number, rssMb: Cost['rssMb']): Cost {
  const each = (total: number) => total / Math.max(1, operations);
  return {
    cpuMs: Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, each(ms)])),
    rssMb,
    statements: each(counters.statements),
    commits: each(counters.commits),
    hops: each(counters.hops),
  };
}
