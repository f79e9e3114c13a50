import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparison } from '../../bench/report/comparison.ts';
import { runCommand } from '../support/processes/server-process.ts';

const options = ['--quick', '--modes=embedded', '--only=a', '--seconds=0.2'];

describe('the benchmark', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auto-session-bench-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('prints its tables, writes its figures, and puts them into a file', async () => {
    const [json, page] = [join(folder, 'figures.json'), join(folder, 'page.md')];
    await writeFile(page, 'above\n<!-- figures -->\nold\n<!-- /figures -->\nbelow\n');
    const args = ['bench/main.ts', ...options, `--json=${json}`, `--markdown=${page}`];
    const ended = await runCommand(process.execPath, args).ended;
    expect(ended).toMatchObject({ code: 0, output: expect.stringContaining('### a. The main flow') });
    const run = JSON.parse(await readFile(json, 'utf8'));
    expect(run.figures.map(({ id }: { id: string }) => id)).toEqual([
      'a/embedded/main flow/1',
      'a/embedded/main flow/8',
    ]);
    for (const { perSecond, outcome, cost } of run.figures) {
      expect(perSecond).toBeGreaterThan(0);
      expect(outcome.failed).toBe(0);
      expect(Object.keys(outcome.steps)).toEqual(['create', 'next_id', 'send_info', 'complete', 'batch']);
      expect(cost.hops).toBeGreaterThan(0);
      expect(cost.statements).toBeGreaterThan(0);
      expect(cost.commits).toBeGreaterThan(0);
    }
    const text = await readFile(page, 'utf8');
    expect(text).toMatch(/^above\n<!-- figures -->\n(.|\n)*### Targets(.|\n)*\n<!-- \/figures -->\nbelow\n$/);
    expect(text).not.toContain('old');
    expect(comparison(run, run)).toMatch(/\| a\/embedded\/main flow\/8 \|.*\| 1\.00 × \| 1\.00 × \| 1\.00 × \|/);
  }, 120_000);

  it.each([
    [['--only=f'], '--only accepts a, b, c, d, e, not "f"'],
    [['--modes=many'], '--modes accepts embedded, single-process, split, not "many"'],
    [['--seconds=0'], '--seconds is "0"'],
    [['--what'], '--what'],
  ])('says what is wrong with %s', async (args, sentence) => {
    const { code, output } = await runCommand(process.execPath, ['bench/main.ts', ...args]).ended;
    expect(code).toBe(2);
    expect(output).toContain(sentence);
  });
});
