import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { sessionBody } from '../../support/factories.ts';
import { assertInvariants } from '../../support/faults/assert-invariants.ts';
import { flowSteps } from '../../support/flow-steps.ts';
import { restClient } from '../../support/http/rest-client.ts';
import { runCli, startCli } from '../../support/processes/run-cli.ts';
import { reservePort } from '../../support/servers/reserve-port.ts';
import { createDatabase, sharedServersAvailable } from '../../support/servers/shared-servers.ts';
import { startTestSystem } from '../../support/test-system.ts';

const folders: string[] = [];
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'auto-session-cli-')));
  return folders.at(-1) ?? '';
};
afterEach(() => {
  for (const each of folders.splice(0)) rmSync(each, { recursive: true, force: true });
});

describe('auto-session migrate', () => {
  it('creates the tables, prints the applied migrations, and applies none the second time', async () => {
    const env = { AUTOSESSION_DATA_DIR: folder() };
    const first = await runCli(['migrate'], env);
    expect([first.code, first.err]).toEqual([0, '']);
    expect(first.out.split('\n')).toEqual(expect.arrayContaining(['outbox/001_outbox', 'session/001_sessions']));
    expect(await runCli(['migrate'], env)).toEqual({ code: 0, out: 'The schema is current.\n', err: '' });
    expect(JSON.parse((await runCli(['migrate', '--json'], env)).out)).toEqual({ steps: [] });
  });

  it('says what is wrong with the configuration', async () => {
    const { code, err } = await runCli(['migrate'], { MYSQL_URL: 'mysql://user:secret@127.0.0.1/db' });
    expect([code, err]).toEqual([1, expect.stringContaining('REDIS_URL or REDIS_HOST and NATS_URL are not set')]);
  });

  it.runIf(sharedServersAvailable)('connects to no server but the database', async () => {
    const away = await reservePort();
    const env = {
      MYSQL_URL: await createDatabase(),
      REDIS_URL: `redis://127.0.0.1:${away}`,
      NATS_URL: `nats://127.0.0.1:${away}`,
    };
    expect(await runCli(['migrate'], env)).toMatchObject({
      code: 0,
      out: expect.stringContaining('session/001_sessions'),
    });
  });
});

describe('auto-session serve', () => {
  it('serves until SIGTERM', async () => {
    const httpPort = await reservePort();
    const env = {
      AUTOSESSION_DATA_DIR: folder(),
      AUTOSESSION_HTTP_PORT: String(httpPort),
      AUTOSESSION_RPC_PORT: String(await reservePort()),
      LOG_LEVEL: 'info',
    };
    const server = startCli(['serve'], env);
    const rest = restClient(`http://127.0.0.1:${httpPort}`);
    await eventually(async () => expect((await rest.get('/readyz')).status).toBe(200), 20_000);
    await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    server.child.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, out: expect.stringContaining('"event":"stopped"') });
  });

  it('runs only the services of --target', async () => {
    const { code, err } = await runCli(['serve', '--target', 'nonsense']);
    expect([code, err]).toEqual([1, expect.stringContaining('--target=nonsense')]);
  });
});

describe('auto-session verify', () => {
  it('checks the data of a stopped system, as text and as JSON', async () => {
    const env = { AUTOSESSION_DATA_DIR: folder() };
    await using system = await startTestSystem('embedded', { env });
    await flowSteps(system).sentSession();
    await assertInvariants(system);
    const early = await runCli(['verify'], env);
    expect([early.code, early.out, early.err]).toEqual([1, '', expect.stringContaining('in use by another process')]);
    await system[Symbol.asyncDispose]();
    const people = await runCli(['verify'], env);
    expect([people.code, people.err]).toEqual([0, '']);
    expect(people.out).toContain('Every invariant holds.');
    const report = JSON.parse((await runCli(['verify', '--json'], env)).out);
    expect(report).toMatchObject({ holds: true, counts: { sessions: 1, tasks: 1 } });
  });

  it('names the broken invariants', async () => {
    const env = { AUTOSESSION_DATA_DIR: folder() };
    await using system = await startTestSystem('embedded', { env });
    await flowSteps(system).create();
    await assertInvariants(system);
    await sql`DELETE FROM tasks`.execute(system.process.deps.db.autocommit());
    await system[Symbol.asyncDispose]();
    expect(await runCli(['verify'], env)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^BROKEN {2}every task/m),
    });
    expect(JSON.parse((await runCli(['verify', '--json'], env)).out)).toMatchObject({ holds: false });
  });

  it('does not accept an empty database as proof', async () => {
    const env = { AUTOSESSION_DATA_DIR: folder() };
    expect(await runCli(['verify'], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no database'),
    });
    await runCli(['migrate'], env);
    expect(await runCli(['verify'], env)).toMatchObject({ code: 1, out: expect.stringContaining('no data to check') });
  });
});
