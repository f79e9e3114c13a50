import { errorTable } from '../readme/error-table.ts';
import { routeTable } from '../readme/route-table.ts';
import { sessionTable, taskTable } from '../readme/state-tables.ts';
import { botStatesDiagram, controlDiagram } from './session-diagram.ts';
import { timesTable } from './times-table.ts';

/** A part of a page that is made from the code, between `<!-- name -->` and `<!-- /name -->`. */
export interface Section {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

const READMES = ['README.md', 'README.zh-CN.md'];

/** The pages whose commands are run, and whose answers are real. */
export const walks: readonly string[] = [
  'README.md',
  ...['rpa', 'main-flow', 'operations', 'send-url', 'directory'].map((name) => `docs/${name}.md`),
];

/** Every part of every page that is made from the code. */
export function sections(): Section[] {
  const tables = {
    'session-table': sessionTable(),
    'task-table': taskTable(),
    'error-table': errorTable(),
    'route-table': routeTable(),
  };
  return [
    ...READMES.flatMap((file) => Object.entries(tables).map(([name, text]) => ({ file, name, text }))),
    { file: 'docs/architecture.md', name: 'control-diagram', text: controlDiagram() },
    { file: 'docs/architecture.md', name: 'bot-states-diagram', text: botStatesDiagram() },
    { file: 'docs/main-flow.md', name: 'times', text: timesTable() },
  ];
}
