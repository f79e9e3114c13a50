import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../support/http/rest-client.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { sessionListSteps } from '../../support/session-list-steps.ts';
import { startTestSystem, type TestSystem } from '../../support/test-system.ts';

describe('the command line for the list of sessions', () => {
  let running: TestSystem;
  beforeAll(async () => {
    running = await startTestSystem('embedded');
  });
  afterAll(() => running[Symbol.asyncDispose]());
  const run = (...words: string[]) => runCli(['sessions', 'list', ...words], { AUTOSESSION_URL: running.rest.baseUrl });
  const text = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await run(...words);
    expect([words, code, err]).toEqual([words, 0, '']);
    return out;
  };
  const ids = async (...words: string[]): Promise<string[]> =>
    JSON.parse(await text(...words, '--json')).sessions.map((each: Json) => each.session_id);

  it('lists the sessions that pass every filter, in the order that is asked for', async () => {
    const { chat, waiting, takenOver, shop, list } = sessionListSteps(running.rest);
    const [bot, pending, manual] = [await chat('想要发票', 'user-1'), await waiting(), await takenOver()];
    const vip = await shop({ vip: true, account_id: 'acc-1', shop_id: 'shop-1' });
    const at = (await list()).sessions[1].created_at;
    for (const [words, expected] of [
      ['', [vip, manual, pending, bot]],
      ['--sort oldest', [bot, pending, manual, vip]],
      ['--sort wait_time --limit 1', [pending]],
      ['--status pending_manual', [pending]],
      ['--state transferred', [manual, pending]],
      ['--account acc-1', [vip]],
      ['--shop shop-1', [vip]],
      ['--user user-1', [bot]],
      ['--agent agent_01', [manual]],
      ['--agent unassigned --no-vip', [pending, bot]],
      ['--vip', [vip]],
      ['--keyword 发票', [bot]],
      [`--since ${at}`, [vip, manual]],
      [`--until ${at}`, [pending, bot]],
    ] as const)
      expect([words, await ids(...words.split(' ').filter(Boolean))]).toEqual([words, expected]);
  });

  it('shows a table, how many there are, and how to go on', async () => {
    const { chat, list, rest } = sessionListSteps(running.rest);
    await chat('多少钱\n一件', 'user-of-the-table');
    await rest.ok(rest.post('/api/manual/escalate', { session_name: 'user-of-the-table' }));
    const { total } = await list();
    const out = await text('--limit', '1', '--status', 'pending_manual');
    const [titles, row, ...below] = out.split('\n');
    expect(titles).toMatch(/^SESSION +STATE +STATUS +WITH +VIP +AGENT +WAITS +OPENED +LAST MESSAGE$/);
    expect(row?.split(/ {2,}/)).toEqual([
      ...['user-of-the-table', 'transferred', 'pending_manual', 'user-of-the-table'],
      expect.stringMatching(/^\d+ s$/),
      expect.any(String),
      expect.any(String),
    ]);
    expect(below.join('\n')).toMatch(/\d+ in total\./);
    const token = /--page-token (\S+)/.exec(out)?.[1] ?? '';
    expect(await ids('--limit', '1', '--status', 'pending_manual', '--page-token', token)).toHaveLength(1);
    expect(await text('--user', 'nobody')).toBe('No sessions.\n');
    expect(await text('--limit', '200')).toContain(`${total} in total.`);
  });

  it('refuses a filter that does not exist, and one that the system refuses', async () => {
    expect((await run('--sort', 'best')).code).toBe(2);
    const { code, err } = await run('--agent', 'mine', '--json');
    expect([code, JSON.parse(err)]).toMatchObject([1, { error_code: 'INVALID_ARGUMENT', data: { field: 'agent' } }]);
  });
});
