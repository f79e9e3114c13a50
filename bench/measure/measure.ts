import type { Driver } from '../driver/driver.ts';
import type { JobName, SpecOf } from '../driver/main.ts';
import type { Cost, Figure, Limit } from '../figure.ts';
import type { SectionName } from '../options.ts';
import type { System } from '../system/system.ts';
import { countersOf } from './counters.ts';
import { cpuOf, rssOf, settle } from './cpu.ts';

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
  const processes = [...system.processes, { name: 'driver', pid: driver.pid }];
  const read = async () => ({ cpu: cpuOf(processes), counters: await countersOf(system.metricsUrls) });
  let before = await read();
  const outcome = await driver.run(job, spec, async () => {
    await settle(system.processes);
    before = await read();
  });
  await settle(system.processes);
  const after = await read();
  const per = (from: number, to: number) => (to - from) / Math.max(1, outcome.done);
  const cpuMs = Object.fromEntries(
    Object.entries(after.cpu).map(([name, ms]) => [name, per(before.cpu[name] ?? 0, ms)]),
  );
  const cost: Cost = {
    cpuMs,
    rssMb: rssOf(processes),
    statements: per(before.counters.statements, after.counters.statements),
    commits: per(before.counters.commits, after.counters.commits),
    hops: per(before.counters.hops, after.counters.hops),
  };
  const id = [section, system.mode, what, inFlight].join('/');
  const perSecond = outcome.done / outcome.seconds;
  return { id, section, mode: system.mode, what, inFlight, perSecond, outcome, cost, limits };
}
