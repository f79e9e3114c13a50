import type { Figure, Limit } from '../figure.ts';
import type { SectionName } from '../options.ts';
import type { System } from '../system/system.ts';
import { type Bench, measured } from './bench.ts';

const CREATE_IN_FLIGHT = 16;
const CLAIM_IN_FLIGHT = 32;

/** The single operations of (b), which (c) measures again at other sizes. */
export async function singleSteps(bench: Bench, system: System, section: SectionName, at = ''): Promise<Figure[]> {
  return [
    await create(bench, system, section, at),
    await claim(bench, system, section, at),
    ...(await ingests(bench, system, section, at)),
  ];
}

async function create(bench: Bench, system: System, section: SectionName, at: string): Promise<Figure> {
  const { limits, sizes } = bench;
  const inFlight = CREATE_IN_FLIGHT;
  const spec = { url: system.url, inFlight, until: { seconds: sizes.seconds } };
  const figure = await measured(bench, system, { section, what: `create${at}`, job: 'create', spec, inFlight });
  await drain(bench, system);
  return {
    ...figure,
    limits: [
      ...(await sqlLimits(bench, system, ['create', 'create_transaction'], inFlight)),
      ...(await limits.http(inFlight)),
      ...(system.mode === 'split' ? await limits.rpc(inFlight) : []),
    ],
  };
}

/** What `create` left in the queue would be claimed in place of what comes next: takes it out by the main flow's own means. */
async function drain({ driver }: Bench, { url }: System): Promise<void> {
  await driver.run('drain', { url, inFlight: CLAIM_IN_FLIGHT });
}

async function claim(bench: Bench, system: System, section: SectionName, at: string): Promise<Figure> {
  const { limits, sizes } = bench;
  const inFlight = CLAIM_IN_FLIGHT;
  const spec = { url: system.url, inFlight, until: { count: sizes.tasks } };
  const figure = await measured(bench, system, { section, what: `claim+complete${at}`, job: 'claim', spec, inFlight });
  const ofSql = await sqlLimits(bench, system, ['claim'], inFlight);
  return { ...figure, limits: [...(await limits.bullmq(inFlight)), ...ofSql] };
}

async function ingests(bench: Bench, system: System, section: SectionName, at: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { messages, count, inFlight } of bench.sizes.batches)
    for (const again of [false, true]) {
      const what = `ingest of ${messages} ${again ? 'known' : 'new'}${at}`;
      const spec = { url: system.url, inFlight, until: { count }, messages, again };
      const figure = await measured(bench, system, { section, what, job: 'ingest', spec, inFlight });
      const script = `ingest_${messages}` as 'ingest_1';
      figures.push({ ...figure, limits: again ? [] : await sqlLimits(bench, system, [script], inFlight) });
    }
  return figures;
}

async function sqlLimits(
  { limits }: Bench,
  { mode }: System,
  scripts: readonly Parameters<typeof limits.sql>[0][],
  inFlight: number,
): Promise<Limit[]> {
  if (mode === 'embedded') return [];
  const all: Limit[] = [];
  for (const script of scripts) all.push(...(await limits.sql(script, inFlight)));
  return all;
}
