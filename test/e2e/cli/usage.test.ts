import { describe, expect, it } from 'vitest';
import { runCli } from '../../support/processes/run-cli.ts';
import { runCommand } from '../../support/processes/server-process.ts';
import { reservePort } from '../../support/servers/reserve-port.ts';
import { startTestSystem } from '../../support/test-system.ts';

const KEY = 'a-key-that-nobody-may-see-0123';

describe('auto-session', () => {
  it.each([
    [[]],
    [['nonsense']],
    [['tasks']],
    [['tasks', 'lst']],
    [['tasks', 'list', '--status', 'nonsense']],
    [['tasks', 'list', '--limit', '0']],
    [['tasks', 'list', 'surplus']],
    [['tasks', 'show']],
    [['tasks', 'show', '']],
    [['tasks', 'requeue', 'tsk_1', '--seconds', '-1']],
    [['tasks', 'cancel', 'tsk_1']],
    [['sessions', 'open', '--account', 'a']],
    [['sessions', 'close', 'ses_1', '--json']],
    [['handover', 'takeover', 'ses_1']],
    [['handover', 'list', '--state', 'lost']],
    [['reminders', 'lst']],
    [['reminders', 'ack']],
    [['audit', 'surplus']],
    [['tail', '--nonsense']],
    [['tail', '--url', 'nonsense']],
  ])('takes %j for wrong usage', async (words) => {
    const { code, out, err } = await runCli(words);
    expect([code, out]).toEqual([2, '']);
    expect(err).not.toBe('');
    expect(err).not.toMatch(/^ {4}at /m);
  });

  it('requires --yes without a terminal, and says what would happen', async () => {
    const { err } = await runCli(['tasks', 'requeue', 'tsk_1']);
    expect(err).toContain('tsk_1 will be sent, even if it was sent already');
    expect(err).toContain('--yes');
  });

  it('has help for every command', async () => {
    const { out } = await runCli(['--help']);
    const commands = [...out.matchAll(/^ {2}([a-z]+)(?: \[options\])?(?: +[a-z])/gm)].map((match) => match[1] ?? '');
    expect(commands).toEqual(
      expect.arrayContaining([
        'serve',
        'migrate',
        'verify',
        'tail',
        'tasks',
        'sessions',
        'handover',
        'reminders',
        'audit',
      ]),
    );
    for (const command of commands.filter((name) => name !== 'help')) {
      const help = await runCli([command, '--help']);
      expect([help.code, help.err]).toEqual([0, '']);
      expect(help.out).toContain(`Usage: auto-session ${command}`);
      expect(help.out).toContain('--url <url>');
    }
  });

  it.each([[['tasks', 'stats']], [['tail']]])('reports with %j that there is no answer', async (words) => {
    const url = `http://127.0.0.1:${await reservePort()}`;
    const people = await runCli([...words, '--url', url]);
    expect([people.code, people.out]).toEqual([1, '']);
    expect(people.err).toBe(`${url} does not answer (ECONNREFUSED). Is Auto Session running there? See --url.\n`);
    const programs = await runCli([...words, '--json'], { AUTOSESSION_URL: url });
    expect(JSON.parse(programs.err)).toMatchObject({ success: false, message: expect.stringContaining(url) });
  });

  it('sends its key, and never prints it', async () => {
    const keys = [{ key: KEY, name: 'cli', tenant: 'default', scopes: ['agent'] }];
    await using system = await startTestSystem('embedded', { env: { AUTOSESSION_API_KEYS: JSON.stringify(keys) } });
    const env = { AUTOSESSION_URL: system.rest.baseUrl };
    const results = [
      await runCli(['tasks', 'stats'], env),
      await runCli(['tasks', 'stats'], { ...env, AUTOSESSION_API_KEY: KEY }),
      await runCli(['tail', '--since', 'nonsense', '--key', KEY], env),
      await runCli(['tasks', 'stats', '--key', `${KEY}-wrong`], env),
      await runCli(['tasks', 'list', '--nonsense'], { ...env, AUTOSESSION_API_KEY: KEY }),
      await runCli(['tasks', '--help'], { ...env, AUTOSESSION_API_KEY: KEY }),
    ];
    expect(results.map(({ code }) => code)).toEqual([1, 0, 1, 1, 2, 0]);
    expect(results[0]?.err).toContain('UNAUTHENTICATED');
    for (const { out, err } of results) expect(out + err).not.toContain(KEY);
  });
});

describe('under an older Node', () => {
  const asOld = ['--import', 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.1.0"})'];

  it('auto-session starts the Node that the packages include', async () => {
    const { ended } = runCommand(process.execPath, [...asOld, 'cli/auto-session.js', 'tasks', 'show']);
    expect(await ended).toEqual({ code: 2, output: expect.stringContaining("missing required argument 'task'") });
  });

  it('auto-session says which Node it needs if there is none', async () => {
    const { ended } = runCommand(process.execPath, [...asOld, 'cli/auto-session.js'], { AUTOSESSION_HANDED_OVER: '1' });
    expect(await ended).toEqual({ code: 1, output: 'auto-session needs Node 24, and this is Node 20.1.0.\n' });
  });
});
