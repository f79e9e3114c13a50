import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodeBlocks } from '../../scripts/generate-docs/code-blocks.ts';
import { eventually } from '../support/eventually.ts';
import { runCommand } from '../support/processes/server-process.ts';

/** The arguments of a command in a page. */
function shownIn(file: string, command: string): string[] {
  const texts = parseCodeBlocks(readFileSync(file, 'utf8')).map(({ text }) => text);
  expect(texts.join('\n')).toMatch(new RegExp(`^(.* && )?${command}( |$)`, 'm'));
  return command.split(' ').slice(1);
}

describe('on a fresh data folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-npm-'));
  const env = { AUTOSESSION_HTTP_PORT: '0', AUTOSESSION_RPC_PORT: '0', AUTOSESSION_DATA_DIR: folder };
  const server = { output: () => '', stop: async () => {} };
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeAll(async () => {
    const { child, ended, output } = runCommand('npm', shownIn('README.md', 'npm start'), env);
    server.output = output;
    server.stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    await eventually(async () => expect(output()).toContain('"event":"started"'), 30_000);
  });

  it('the server that the README starts gives the first bot its task, and stops when npm is stopped', async () => {
    const url = /"http":"([^"]+)"/.exec(server.output())?.[1] ?? '';
    const { status } = await fetch(`${url}/api/sessions/create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        account_id: 't-buyer',
        shop_id: '1',
        shop_name: '示例店铺',
        task_type: 'auto_bargain',
        external_task_id: 'order-1',
        send_content: '您好',
      }),
    });
    expect(status).toBe(200);
    const bot = await runCommand('node', ['examples/first-bot.mjs', url]).ended;
    expect(bot).toEqual({ code: 0, output: '示例店铺: 您好\n' });
    await server.stop();
    await eventually(() => expect(server.output()).toContain('"event":"stopped"'));
  });

  it('the check of the deployment page then finds no broken invariant', async () => {
    const { code, output } = await runCommand('npm', shownIn('docs/deployment.md', 'npm run verify'), env).ended;
    expect([code, output]).toEqual([0, expect.not.stringContaining('BROKEN')]);
  });
});
