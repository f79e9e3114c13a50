import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../scripts/readme/error-table.ts';
import { routeTable } from '../../scripts/readme/route-table.ts';
import { sessionTable, taskTable } from '../../scripts/readme/state-tables.ts';
import { README_URL } from '../../scripts/readme/walk.ts';
import { onEveryBackend } from '../every-backend.ts';

const readme = readFileSync('README.md', 'utf8');

describe('the README', () => {
  it('has the tables that the code has', () => {
    for (const table of [sessionTable(), taskTable(), errorTable(), routeTable()]) expect(readme).toContain(table);
  });
});

onEveryBackend('the README’s walk', (world) => {
  it('works as printed', async () => {
    const section = readme.slice(readme.indexOf('<!-- walk -->'), readme.indexOf('<!-- /walk -->'));
    const commands = [...section.matchAll(/```bash\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(commands.length).toBeGreaterThan(3);
    const script = commands.join('\n').replaceAll(README_URL, world().rest.baseUrl);
    const { stdout } = await promisify(execFile)('bash', ['-ec', script]);
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map((answer) => answer.error_code ?? 'ok')).toEqual([
      ...Array(6).fill('ok'),
      'HANDED_OVER',
      ...Array(3).fill('ok'),
    ]);
  });
});
