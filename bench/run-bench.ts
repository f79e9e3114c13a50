import { Driver } from './driver/driver.ts';
import type { Figure } from './figure.ts';
import { machine } from './machine.ts';
import { hasServers, type Mode, type Options } from './options.ts';
import { Limits } from './raw/limits.ts';
import { targetsOf } from './report/targets.ts';
import type { Run } from './run.ts';
import { type Bench, warmUp } from './sections/bench.ts';
import { fanOut } from './sections/fan-out.ts';
import { mainFlow } from './sections/main-flow.ts';
import { type OverloadReport, overload } from './sections/overload.ts';
import { singleSteps } from './sections/single-steps.ts';
import { startTime } from './sections/start.ts';
import { stored } from './sections/stored.ts';
import { sizesOf } from './sizes.ts';
import { type Servers, startServers } from './system/servers.ts';
import { startSystem } from './system/system.ts';

/** Measures what the options ask for. `say` gets a line for everything that was measured. */
export async function runBench(options: Options, say: (text: string) => void): Promise<Run> {
  const sizes = sizesOf(options);
  await using stack = new AsyncDisposableStack();
  const needsServers = hasServers && options.modes.some((mode) => mode !== 'embedded');
  const servers = needsServers ? stack.use(await startServers()) : undefined;
  const driver = stack.use(new Driver());
  const limits = stack.use(new Limits(driver, servers, sizes));
  const bench: Bench = { options, sizes, driver, servers, limits, say };
  const startMs = await startTime(sizes.starts);
  say(`npm start to the first answer: ${startMs.toFixed(0)} ms`);
  const figures: Figure[] = [];
  const overloads: OverloadReport[] = [];
  for (const mode of options.modes) {
    const found = await oneMode(bench, mode);
    figures.push(...found.figures);
    overloads.push(...found.overloads);
  }
  if (servers && options.sections.includes('c')) figures.push(...(await stored(bench, servers)));
  const found = {
    version: 1 as const,
    at: new Date().toISOString(),
    quick: options.quick,
    machine: machine(),
    figures,
    limits: limits.all,
    overload: overloads,
    startMs,
    recordedRequests: await limits.requests('flow'),
  };
  return { ...found, targets: targetsOf(found) };
}

/** Sections a, b and d on one system, in this order: what a load leaves behind is there for the next, as in life. */
async function oneMode(bench: Bench, mode: Mode): Promise<{ figures: Figure[]; overloads: OverloadReport[] }> {
  const { sections } = bench.options;
  const figures: Figure[] = [];
  const overloads: OverloadReport[] = [];
  if (!sections.some((section) => section !== 'c')) return { figures, overloads };
  await using system = await startSystem(mode, bench.servers as Servers | undefined);
  await warmUp(bench, system);
  if (sections.includes('a')) figures.push(...(await mainFlow(bench, system)));
  if (sections.includes('b'))
    figures.push(...(await singleSteps(bench, system, 'b')), ...(await fanOut(bench, system)));
  if (sections.includes('d')) {
    const found = await overload(bench, system);
    figures.push(...found.figures);
    overloads.push(found.report);
  }
  return { figures, overloads };
}
