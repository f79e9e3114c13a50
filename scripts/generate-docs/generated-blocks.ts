import { readFileSync } from 'node:fs';
import { errorTable } from './error-table.ts';
import { routeTable } from './route-table.ts';
import { botStatesDiagram, controlDiagram } from './session-diagram.ts';
import { sessionTable, taskTable } from './state-tables.ts';
import { timesTable } from './times-table.ts';

/** A part of a page that is generated from the code, between `<!-- name -->` and `<!-- /name -->`. */
export interface GeneratedBlock {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** The pages with a Chinese translation, and its file. */
export const translations: readonly (readonly [original: string, translation: string])[] = [
  ['README.md', 'README.zh-CN.md'],
  ...['api', 'command-line', 'configuration', 'deployment', 'states'].map(
    (name) => [`docs/${name}.md`, `docs/zh-CN/${name}.md`] as const,
  ),
];

/** The pages whose commands are run, and whose output comes from a real system. */
export const executableDocs: readonly string[] = [
  'README.md',
  ...[
    'rpa',
    'main-flow',
    'operations',
    'send-url',
    'directory',
    'rules',
    'api',
    'command-line',
    'deployment',
    'chat',
    'audit',
  ].map((name) => `docs/${name}.md`),
];

/** The generated blocks of all pages. */
export function generatedBlocks(): GeneratedBlock[] {
  const shared = [
    { file: 'README.md', name: 'first-bot', text: firstBot() },
    { file: 'docs/states.md', name: 'session-table', text: sessionTable() },
    { file: 'docs/states.md', name: 'task-table', text: taskTable() },
    { file: 'docs/api.md', name: 'error-table', text: errorTable() },
    { file: 'docs/api.md', name: 'route-table', text: routeTable() },
  ];
  const translated = new Map(translations);
  return [
    ...shared.flatMap((each) => [each, { ...each, file: translated.get(each.file) ?? each.file }]),
    { file: 'docs/architecture.md', name: 'control-diagram', text: controlDiagram() },
    { file: 'docs/architecture.md', name: 'bot-states-diagram', text: botStatesDiagram() },
    { file: 'docs/main-flow.md', name: 'times', text: timesTable() },
  ];
}

function firstBot(): string {
  const code = readFileSync('examples/first-bot.mjs', 'utf8').trim();
  return `<!-- not run: the walk below runs the file -->\n\`\`\`js\n${code}\n\`\`\``;
}
