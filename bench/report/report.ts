import type { Figure } from '../figure.ts';
import type { Run } from '../run.ts';
import { budget, costs, deliveries, memory, rates, rawLimits, steps } from './figures.ts';
import { overloadTable } from './overload.ts';
import { growths, growthTable } from './stored.ts';
import { targetTable } from './targets.ts';

/** All tables of a run, as Markdown. */
export function report(run: Run): string {
  const of = (section: Figure['section']) => run.figures.filter((figure) => figure.section === section);
  const flow = of('a');
  const single = of('b');
  const streams = single.filter(({ what }) => what.endsWith('streams'));
  const operations = single.filter((figure) => !streams.includes(figure));
  const growing = growths(of('c'));
  const parts: [title: string, text: string][] = [
    ['Targets', targetTable(run.targets)],
    ['a. The main flow', flow.length > 0 ? rates(flow) : ''],
    ['a. Its steps', flow.length > 0 ? steps(flow) : ''],
    ['a. What a flow costs', flow.length > 0 ? costs(flow) : ''],
    ['a. Beside the budget', flow.length > 0 ? budget(flow, run.recordedRequests) : ''],
    ['b. Single operations', operations.length > 0 ? rates(operations) : ''],
    ['b. What an operation costs', operations.length > 0 ? costs(operations) : ''],
    ['b. Event streams, commit to client', streams.length > 0 ? deliveries(streams, run.limits) : ''],
    ['b. What a delivery costs', streams.length > 0 ? costs(streams) : ''],
    ['c. Beside few and many stored sessions', growing.length > 0 ? growthTable(growing) : ''],
    ['d. Overload', run.overload.length > 0 ? overloadTable(run.overload) : ''],
    ['Memory', run.figures.length > 0 ? memory(run.figures) : ''],
    ['Raw limits', run.limits.length > 0 ? rawLimits(run.limits) : ''],
  ];
  const tables = parts.filter(([, text]) => text !== '').map(([title, text]) => `### ${title}\n\n${text}`);
  return [heading(run), ...tables].join('\n\n');
}

function heading({ at, quick, machine }: Run): string {
  const servers = Object.entries(machine.servers).map(([name, version]) => `${name} ${version}`);
  const versions = [`Node ${machine.node.slice(1)}`, ...servers].join(', ');
  const caution = quick ? ' A quick run: it shows that everything works, its figures mean little.' : '';
  return `${at.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GiB, ${machine.system}; ${versions}.${caution}`;
}
