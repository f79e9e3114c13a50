import type { BenchResult } from '../bench-result.ts';
import type { MeasurementResult } from '../measurement-result.ts';
import { datasetGrowths, growthTable } from './dataset-growth.ts';
import { overloadTable } from './overload-table.ts';
import {
  baselineTable,
  budgetTable,
  costTable,
  deliveryTable,
  memoryTable,
  rateTable,
  stepTable,
} from './result-tables.ts';
import { targetTable } from './targets.ts';

/** All tables of a run, as Markdown. */
export function report(result: BenchResult): string {
  const resultsOf = (section: MeasurementResult['section']) =>
    result.figures.filter((measurement) => measurement.section === section);
  const flow = resultsOf('a');
  const single = resultsOf('b');
  const streams = single.filter(({ what }) => what.endsWith('streams'));
  const operations = single.filter((measurement) => !streams.includes(measurement));
  const chat = resultsOf('e');
  const growthRows = datasetGrowths(resultsOf('c'));
  const parts: [title: string, text: string][] = [
    ['Targets', targetTable(result.targets)],
    ['a. The main flow', flow.length > 0 ? rateTable(flow) : ''],
    ['a. Its steps', flow.length > 0 ? stepTable(flow) : ''],
    ['a. The cost of a flow', flow.length > 0 ? costTable(flow) : ''],
    ['a. Cost and budget', flow.length > 0 ? budgetTable(flow, result.recordedRequests) : ''],
    ['b. Single operations', operations.length > 0 ? rateTable(operations) : ''],
    ['b. The cost of an operation', operations.length > 0 ? costTable(operations) : ''],
    ['b. Event streams, commit to client', streams.length > 0 ? deliveryTable(streams, result.limits) : ''],
    ['b. The cost of a delivery', streams.length > 0 ? costTable(streams) : ''],
    ['c. With few and many stored sessions', growthRows.length > 0 ? growthTable(growthRows) : ''],
    ['e. Chats', chat.length > 0 ? rateTable(chat) : ''],
    ['e. Their steps', chat.length > 0 ? stepTable(chat) : ''],
    ['e. The cost of a turn', chat.length > 0 ? costTable(chat) : ''],
    ['d. Overload', result.overload.length > 0 ? overloadTable(result.overload) : ''],
    ['Memory', result.figures.length > 0 ? memoryTable(result.figures) : ''],
    ['Raw limits', result.limits.length > 0 ? baselineTable(result.limits) : ''],
  ];
  const tables = parts.filter(([, text]) => text !== '').map(([title, text]) => `### ${title}\n\n${text}`);
  return [heading(result), ...tables].join('\n\n');
}

function heading({ at, quick, machine }: BenchResult): string {
  const servers = Object.entries(machine.servers).map(([name, version]) => `${name} ${version}`);
  const versions = [`Node ${machine.node.slice(1)}`, ...servers].join(', ');
  const caution = quick ? ' A quick run is a smoke test; its figures mean little.' : '';
  return `${at.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GiB, ${machine.system}; ${versions}.${caution}`;
}
