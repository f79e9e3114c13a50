import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sessionBody } from '../support/factories.ts';
import { restClient } from '../support/http/rest-client.ts';
import { runCommand, startServerProcess } from '../support/processes/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'auto-session-life-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the process', () => {
  it('reports its health', async () => {
    await using server = await startServerProcess({ AUTOSESSION_DATA_DIR: ':memory:' });
    const rest = restClient(server.url);
    for (const path of ['/health', '/api/health'])
      expect((await rest.get(path)).body).toMatchObject({ status: 'healthy', version: expect.any(String) });
    expect((await rest.get('/')).body).toMatchObject({ version: expect.any(String) });
    expect((await rest.get('/livez')).status).toBe(200);
    expect((await rest.get('/readyz')).body).toMatchObject({
      checks: { database: true, event_log: true, queue: true },
    });
    expect((await rest.get('/metrics')).body).toContain('autosession_rpc_seconds');
  });

  it('refuses requests of pages of other sites', async () => {
    await using server = await startServerProcess({ AUTOSESSION_DATA_DIR: ':memory:' });
    const port = new URL(server.url).port;
    const ask = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: '/api/tasks', headers }, (response) =>
          resolve(response.resume().statusCode),
        ).on('error', reject);
      });
    expect(await ask({})).toBe(200);
    expect(await ask({ origin: server.url })).toBe(200);
    expect(await ask({ origin: 'https://evil.example' })).toBe(403);
    expect(await ask({ origin: 'null' })).toBe(403);
    expect(await ask({ host: 'evil.example' })).toBe(403);
  });

  it('ends long polls, streams and itself within 10 s of SIGTERM', async () => {
    const server = await startServerProcess({ AUTOSESSION_DATA_DIR: ':memory:' });
    const rest = restClient(server.url);
    const stop = new AbortController();
    const frames = await rest.stream('/api/events/stream', stop.signal);
    const poll = rest.get('/api/tasks/next_id?wait_seconds=30');
    const streamEnded = (async () => {
      for await (const _ of frames);
    })().catch(() => {});
    await rest.ok(rest.post('/api/sessions/create', sessionBody({ not_before_at: '2100-01-01T00:00:00Z' })));
    const asked = performance.now();
    await server[Symbol.asyncDispose]();
    expect(performance.now() - asked).toBeLessThan(10_000);
    await streamEnded;
    expect((await poll).data.task_id).toBeNull();
  });

  it('keeps acknowledged data over a restart', async () => {
    const env = { AUTOSESSION_DATA_DIR: join(folder, 'kept') };
    await using server = await startServerProcess(env);
    const rest = restClient(server.url);
    const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    await server.kill();
    await server.start();
    expect((await rest.ok(rest.get(`/api/sessions/${id}/status`))).session_state).toBe('pending');
  });

  it('refuses a second process on its data folder with a readable message', async () => {
    const env = { AUTOSESSION_DATA_DIR: join(folder, 'shared') };
    await using _first = await startServerProcess(env);
    const ports = { AUTOSESSION_HTTP_PORT: '0', AUTOSESSION_RPC_PORT: '0' };
    const { code, output } = await runCommand(process.execPath, ['services/main.ts'], { ...env, ...ports }).ended;
    expect(code).toBe(1);
    expect(output).toContain('in use by another process');
    expect(output).not.toContain('    at ');
  });

  it('refuses a wrong value with a sentence that names it', async () => {
    const { code, output } = await runCommand(process.execPath, ['services/main.ts'], { AUTOSESSION_HTTP_PORT: 'x' })
      .ended;
    expect(code).toBe(1);
    expect(output).toContain('AUTOSESSION_HTTP_PORT is "x"');
  });

  it('never writes message contents, tokens or passwords to its log', async () => {
    await using server = await startServerProcess({ AUTOSESSION_DATA_DIR: ':memory:', LOG_LEVEL: 'trace' });
    const rest = restClient(server.url);
    const body = sessionBody({ send_content: '绝密内容' });
    await rest.ok(rest.post('/api/sessions/create', body));
    const lease = (await rest.get('/api/tasks/next_id')).data;
    await rest.ok(rest.get(`/api/tasks/${lease.task_id}/send_info`, { 'x-lease-token': lease.lease_token }));
    await server[Symbol.asyncDispose]();
    expect(server.output).toContain(lease.session_id);
    expect(server.output).not.toContain('绝密内容');
    expect(server.output).not.toContain(lease.lease_token);
  });
});
