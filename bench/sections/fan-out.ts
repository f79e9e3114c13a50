import type { Figure } from '../figure.ts';
import type { System } from '../system/system.ts';
import { type Bench, measured } from './bench.ts';

/** The event streams of (b): how long after the commit an event is at each of many clients. */
export async function fanOut(bench: Bench, system: System): Promise<Figure[]> {
  const { limits, sizes } = bench;
  const figures: Figure[] = [];
  for (const kind of ['sse', 'grpc'] as const)
    for (const streams of sizes.streams) {
      const { url, rpcUrl } = system;
      const spec = { url, rpcUrl, kind, streams, commits: sizes.commits, everyMs: sizes.commitEveryMs };
      const what = kind === 'sse' ? 'SSE streams' : 'WatchEvents streams';
      const figure = await measured(bench, system, { section: 'b', what, job: 'streams', spec, inFlight: streams });
      figures.push({ ...figure, limits: system.mode === 'embedded' ? [] : await limits.jetstream(1) });
    }
  return figures;
}
