import { Baselines } from './baseline/baselines.ts';
import type { BenchResult } from './bench-result.ts';
import { LoadGenerator } from './load-generator/load-generator.ts';
import { describeMachine } from './machine.ts';
import type { MeasurementResult } from './measurement-result.ts';
import { hasServers, type Mode, type Options } from './options.ts';
import { profileFor } from './profiles.ts';
import { evaluateTargets } from './report/targets.ts';
import { chats } from './scenarios/chat.ts';
import { datasetSize } from './scenarios/dataset-size.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { mainFlow } from './scenarios/main-flow.ts';
import { type OverloadReport, overload } from './scenarios/overload.ts';
import { type ScenarioContext, warmUp } from './scenarios/scenario-context.ts';
import { singleSteps } from './scenarios/single-steps.ts';
import { measureStartTime } from './scenarios/start-time.ts';
import { type BenchServers, startServers } from './system/servers.ts';
import { startSystem } from './system/system.ts';

/** Runs the selected scenarios. `log` is called with a line per measurement. */
export async function runBench(options: Options, log: (text: string) => void): Promise<BenchResult> {
  const profile = profileFor(options);
  await using stack = new AsyncDisposableStack();
  const needsServers = hasServers && options.modes.some((mode) => mode !== 'embedded');
  const servers = needsServers ? stack.use(await startServers()) : undefined;
  const loadGenerator = stack.use(new LoadGenerator());
  const baselines = stack.use(new Baselines(loadGenerator, servers, profile));
  const context: ScenarioContext = { options, profile, loadGenerator, servers, baselines, log };
  const startMs = await measureStartTime(profile.startRuns);
  log(`npm start to the first answer: ${startMs.toFixed(0)} ms`);
  const figures: MeasurementResult[] = [];
  const overloads: OverloadReport[] = [];
  for (const mode of options.modes) {
    const result = await runMode(context, mode);
    figures.push(...result.figures);
    overloads.push(...result.overloads);
  }
  if (servers && options.scenarios.includes('c')) figures.push(...(await datasetSize(context, servers)));
  const result = {
    version: 1 as const,
    at: new Date().toISOString(),
    quick: options.quick,
    machine: describeMachine(),
    figures,
    limits: baselines.all,
    overload: overloads,
    startMs,
    recordedRequests: await baselines.requests('flow'),
  };
  return { ...result, targets: evaluateTargets(result) };
}

/** Scenarios a, b, e and d on one system, in this order: each finds the data of the previous ones, as in production. */
async function runMode(
  context: ScenarioContext,
  mode: Mode,
): Promise<{ figures: MeasurementResult[]; overloads: OverloadReport[] }> {
  const { scenarios } = context.options;
  const figures: MeasurementResult[] = [];
  const overloads: OverloadReport[] = [];
  if (!scenarios.some((section) => section !== 'c')) return { figures, overloads };
  await using system = await startSystem(mode, context.servers as BenchServers | undefined);
  await warmUp(context, system);
  if (scenarios.includes('a')) figures.push(...(await mainFlow(context, system)));
  if (scenarios.includes('b'))
    figures.push(...(await singleSteps(context, system, 'b')), ...(await fanOut(context, system)));
  if (scenarios.includes('e')) figures.push(...(await chats(context, system)));
  if (scenarios.includes('d')) {
    const result = await overload(context, system);
    figures.push(...result.figures);
    overloads.push(result.report);
  }
  return { figures, overloads };
}
