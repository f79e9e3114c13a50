import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

let system: TestSystem;
let windows: string;
beforeAll(async () => {
  system = await startTestSystem('embedded');
});
afterAll(() => system[Symbol.asyncDispose]());
beforeEach(() => {
  windows = mkdtempSync(join(tmpdir(), 'auto-session-windows-'));
});
afterEach(() => rmSync(windows, { recursive: true }));

/** Starts an example that ends when there is no more work. */
function start(name: 'sender' | 'receiver', args: readonly string[], url: string) {
  const words = [`examples/rpa/${name}.ts`, '--windows', windows, '--once', ...args];
  const env = { ...process.env, AUTOSESSION_URL: url };
  return promisify(execFile)(process.execPath, words, { env, timeout: 20_000 });
}

/** Runs an example to its end; returns its output. */
async function run(
  name: 'sender' | 'receiver',
  args: readonly string[] = [],
  url = system.rest.baseUrl,
): Promise<string> {
  return (await start(name, args, url)).stdout.trim();
}

const windowFiles = () => readdirSync(windows).filter((file) => file.endsWith('.window'));

/** Thrown by the proxy: the request is answered with this status there. */
class ProxyAnswerError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`${status}`);
    this.status = status;
  }
}

/**
 * A proxy in front of the system, which calls a function before it forwards a request; any other error closes the connection.
 */
async function startProxy(before: (path: string) => Promise<unknown> | undefined) {
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/' } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const token = String(request.headers['x-lease-token'] ?? '');
    const body = method === 'POST' ? Buffer.concat(chunks).toString() : undefined;
    try {
      await before(url);
      const headers = { 'content-type': 'application/json', 'x-lease-token': token };
      const answer = await system.rest.send(method, url, { headers, body });
      response.writeHead(answer.status).end(JSON.stringify(answer.body));
    } catch (error) {
      if (!(error instanceof ProxyAnswerError)) return request.socket.destroy();
      const body = { success: false, message: '', error_code: 'X', detail: `X: ${error.status}`, data: null };
      response.writeHead(error.status, { 'retry-after': '0.05' }).end(JSON.stringify(body));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => void server.close() };
}

describe('the sender to copy', () => {
  it('is 60 lines at most, and so is the receiver', () => {
    for (const name of ['sender', 'receiver', 'rest'])
      expect(readFileSync(`examples/rpa/${name}.ts`, 'utf8').trim().split('\n').length).toBeLessThanOrEqual(60);
  });

  it('sends nothing when a human takes over the session after the fetch', async () => {
    const { create, takeOver, status } = flowSteps(system);
    const { body, data } = await create();
    using front = await startProxy((path) => (path.endsWith('/extend') ? takeOver(data.session_id) : undefined));
    expect(await run('sender', ['--account', body.account_id, '--worker', unique()], front.url)).toBe(
      'not sent, HANDED_OVER: failed',
    );
    expect(windowFiles()).toEqual([]);
    expect(await status(data.session_id)).toMatchObject({ status: 'manual_live', task_status: 'failed' });
  });

  it('types nothing when the human was there before the fetch', async () => {
    const { create, takeOver } = flowSteps(system);
    const { body, data } = await create();
    using front = await startProxy((path) => (path.endsWith('/send_info') ? takeOver(data.session_id) : undefined));
    expect(await run('sender', ['--account', body.account_id, '--worker', unique()], front.url)).toBe(
      'must not be sent: HANDED_OVER',
    );
    expect(windowFiles()).toEqual([]);
  });

  it.each([
    ['pressed', 'sent: completed', 'completed'],
    ['fetched', 'not sent, RESTARTED: failed', 'failed'],
    ['pressing', '', 'fetched'],
  ])('reports after a crash only what it knows: %s', async (stage, printed, taskStatus) => {
    const { create, claimAndFetch, status } = flowSteps(system);
    const { body, data } = await create();
    const { taskId: task_id, sessionId: session_id, token: lease_token } = await claimAndFetch(body.account_id);
    const worker = unique();
    const journal = join(windows, `${worker}.journal`);
    writeFileSync(journal, JSON.stringify({ stage, task: { task_id, session_id, lease_token } }));
    expect(await run('sender', ['--account', body.account_id, '--worker', worker])).toBe(printed);
    expect(await status(data.session_id)).toMatchObject({ task_status: taskStatus });
    expect([existsSync(journal), windowFiles()]).toEqual([false, []]);
  });

  it.each([401, 403, 500])(
    'keeps its journal when the report is answered with %i, and reports on the next start',
    async (code) => {
      const { create, status } = flowSteps(system);
      const { body, data } = await create();
      const worker = unique();
      const args = ['--account', body.account_id, '--worker', worker];
      {
        using front = await startProxy((path) => {
          if (path.endsWith('/complete')) throw new ProxyAnswerError(code);
          return undefined;
        });
        await expect(run('sender', args, front.url)).rejects.toThrow(`X: ${code}`);
      }
      expect(existsSync(join(windows, `${worker}.journal`))).toBe(true);
      expect(await run('sender', args)).toBe('sent: completed');
      expect(await status(data.session_id)).toMatchObject({ session_state: 'active', task_status: 'completed' });
      expect([existsSync(join(windows, `${worker}.journal`)), windowFiles().length]).toEqual([false, 1]);
    },
  );

  it.each([
    ['before its report arrives', 0],
    ['while its report is answered with 503', 2],
  ])('reports on the next start when it is killed %s', async (_, answers) => {
    const { create, status } = flowSteps(system);
    const { body, data } = await create();
    const worker = unique();
    const args = ['--account', body.account_id, '--worker', worker];
    {
      const reported = Promise.withResolvers<void>();
      let reports = 0;
      using front = await startProxy(async (path) => {
        if (!path.endsWith('/complete')) return;
        reports += 1;
        if (reports <= answers) throw new ProxyAnswerError(503);
        reported.resolve();
        throw new Error('hang up');
      });
      const sender = start('sender', args, front.url);
      await reported.promise;
      sender.child.kill('SIGKILL');
      await expect(sender).rejects.toThrow();
    }
    expect(await status(data.session_id)).toMatchObject({ task_status: 'fetched' });
    expect(await run('sender', args)).toBe('sent: completed');
    expect(await status(data.session_id)).toMatchObject({ session_state: 'active', task_status: 'completed' });
    const lines = readFileSync(join(windows, windowFiles()[0] ?? ''), 'utf8')
      .trim()
      .split('\n');
    expect([existsSync(join(windows, `${worker}.journal`)), lines.length]).toEqual([false, 1]);
  });

  it('deletes its record when the report is refused permanently', async () => {
    const worker = unique();
    const journal = join(windows, `${worker}.journal`);
    const task = { task_id: 'tsk_gone', session_id: 'ses_gone', lease_token: '1.x' };
    writeFileSync(journal, JSON.stringify({ stage: 'pressed', task }));
    expect(await run('sender', ['--worker', worker, '--account', unique()])).toBe('sent: SESSION_NOT_FOUND');
    expect(existsSync(journal)).toBe(false);
  });

  it('continues when the system is unavailable for a moment', async () => {
    const { body } = await flowSteps(system).create();
    const cut = new Set(['next_id', 'send_info', 'extend', 'complete']);
    using front = await startProxy(async (path) => {
      if (cut.delete(/\w+(?=\?|$)/.exec(path)?.[0] ?? '')) throw new Error('cut');
    });
    expect(await run('sender', ['--account', body.account_id, '--worker', unique()], front.url)).toBe(
      'sent: completed',
    );
    expect([...cut]).toEqual([]);
  });
});

describe('the receiver to copy', () => {
  const written = (shopName: string, lines: readonly object[]) =>
    writeFileSync(
      join(windows, `${encodeURIComponent(shopName)}.window`),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );

  it('uploads all messages of a window, and none is new again after its restart', async () => {
    const { body } = await flowSteps(system).create();
    const time = new Date(system.clock.now()).toISOString();
    const line = { nick: body.shop_name, content: '在', time };
    written(body.shop_name, [line, line]);
    expect(await run('receiver')).toBe('2 new of 2: active, bot_active');
    expect(await run('receiver')).toBe('0 new of 2: active, bot_active');
    written(body.shop_name, [line, line, line]);
    expect(await run('receiver')).toBe('1 new of 3: active, bot_active');
  });

  it('reports a human who typed in the window', async () => {
    const { body } = await flowSteps(system).create();
    const time = new Date(system.clock.now()).toISOString();
    written(body.shop_name, [{ nick: body.account_id, content: '我来', time }]);
    expect(await run('receiver')).toBe('1 new of 1: transferred, manual_live');
  });
});
