import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runCommand } from '../support/processes/server-process.ts';

const KEY = 'k'.repeat(24);
const version = expect.stringMatching(/^\d+\.\d+\.\d+$/);

type Line = Record<string, unknown>;

/** The standard output of a process, each line parsed as JSON; throws at a line that is not JSON. */
function linesOf(out: string): Line[] {
  return out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

describe('standard output of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-logs-'));
  let server: ReturnType<typeof runCommand>;
  let http = '';
  const lines = () => linesOf(server.output().slice(0, server.output().lastIndexOf('\n') + 1));
  const refused = (status: number) => lines().filter((line) => line.event === 'call_refused' && line.status === status);

  beforeAll(async () => {
    server = runCommand(process.execPath, ['services/main.ts'], {
      AUTOSESSION_HTTP_PORT: '0',
      AUTOSESSION_RPC_PORT: '0',
      AUTOSESSION_DATA_DIR: folder,
      AUTOSESSION_API_KEYS: JSON.stringify([{ key: KEY, name: 'sender-1', tenant: 'default', scopes: ['rpa'] }]),
      LOG_LEVEL: 'info',
    });
    const started = await eventually(() => {
      const line = lines().find(({ event }) => event === 'started');
      if (!line) throw new Error(`not started: ${server.output()}`);
      return line as { http: string };
    }, 20_000);
    http = started.http;
  });

  afterAll(() => {
    server.child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('reports in one line that the process has started, its addresses, and its backends', () => {
    const started = lines().filter(({ event }) => event === 'started');
    expect(started).toEqual([
      expect.objectContaining({
        level: 'info',
        http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        rpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        durability: expect.stringContaining('SQLite'),
        targets: ['session', 'task-dispatch', 'message-analysis', 'handover', 'gateway'],
      }),
    ]);
  });

  it('logs refused calls at info, by route and status, without their content', async () => {
    const secret = 'sk-do-not-log-this';
    await fetch(`${http}/api/tasks/next_id?worker_id=${secret}`, { headers: { 'x-api-key': secret } });
    await fetch(`${http}/api/sessions/${secret}/takeover`, { method: 'POST', headers: { 'x-api-key': KEY } });
    await fetch(`${http}/api/tasks/next_id?wait_seconds=${secret}&worker_id=w`, { headers: { 'x-api-key': KEY } });
    await eventually(() => expect(refused(400)).not.toEqual([]));
    expect(refused(401)).toEqual([
      expect.objectContaining({
        address: '127.0.0.1',
        method: 'GET',
        route: '/api/tasks/next_id',
        reason: 'UNAUTHENTICATED',
      }),
    ]);
    expect(refused(403)).toEqual([
      expect.objectContaining({
        route: '/api/sessions/:session/takeover',
        reason: 'PERMISSION_DENIED',
        actor: 'sender-1',
      }),
    ]);
    expect(refused(400)).toEqual([
      expect.objectContaining({ route: '/api/tasks/next_id', reason: 'INVALID_ARGUMENT', actor: 'sender-1' }),
    ]);
    for (const line of [...refused(401), ...refused(403), ...refused(400)])
      expect(line).toMatchObject({ level: 'info', protocol: 'rest', request_id: expect.any(String) });
    expect(server.output()).not.toContain(secret);
    expect(server.output()).not.toContain(KEY);
  });

  it('logs refused RPCs in the same way', async () => {
    const rpc = 'autosession.task.v1.TaskService/GetTask';
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${http}/${rpc}`, { method: 'POST', headers, body: '{"taskId": "tsk_of-somebody"}' });
    expect(answer.status).toBe(401);
    const told = () => refused(401).filter(({ protocol }) => protocol === 'rpc');
    await eventually(() => expect(told()).toEqual([expect.objectContaining({ rpc, reason: 'UNAUTHENTICATED' })]));
    expect(server.output()).not.toContain('tsk_of-somebody');
  });

  it('limits a flood of refused calls to a few lines, with the number of those left out', async () => {
    const before = refused(401).length;
    const requests = Array.from({ length: 200 }, () => fetch(`${http}/api/tasks/pending`));
    for (const answer of await Promise.all(requests)) expect(answer.status).toBe(401);
    const told = () => refused(401).slice(before);
    const dropped = () => lines().filter(({ event }) => event === 'calls_refused');
    const sum = () => told().length + dropped().reduce((all, { count }) => all + Number(count), 0);
    await eventually(() => expect(sum()).toBe(200));
    expect(told().length).toBeLessThan(100);
  });

  it('contains only JSON lines to the end, each with its service, instance and version', async () => {
    server.child.kill('SIGTERM');
    const { code, output } = await server.ended;
    expect(code).toBe(0);
    const all = linesOf(output);
    for (const line of all)
      expect(line).toMatchObject({ service: 'auto-session', instance: expect.any(String), version });
    expect(new Set(all.map(({ instance }) => instance)).size).toBe(1);
    expect(all.map(({ event }) => event)).toEqual(expect.arrayContaining(['stopping', 'stopped']));
    expect(all.at(-1)).toMatchObject({ event: 'stopped' });
  });
});

it('a start that fails is reported in a JSON line, and in a sentence on standard error', async () => {
  const { code, output } = await runCommand(process.execPath, ['services/main.ts', '--target=nonsense']).ended;
  expect(code).toBe(1);
  const [line = ''] = output.split('\n').filter((each) => each.startsWith('{'));
  expect(JSON.parse(line)).toMatchObject({ level: 'fatal', event: 'start_failed', service: 'auto-session', version });
  expect(output).toContain('Auto Session cannot start.\n');
});
