import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseCodeBlocks } from '../../scripts/generate-docs/code-blocks.ts';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import { type RestClient, restClient, type SseFrame } from '../support/http/rest-client.ts';
import { runCommand, startServerProcess } from '../support/processes/server-process.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

const bash = (script: string) => promisify(execFile)('bash', ['-ec', script]);

/** The page's dump, of this database, and its way back. */
function backupOf(mysqlUrl: string, file: string) {
  const shown = parseCodeBlocks(readFileSync('docs/operations.md', 'utf8')).find(({ text }) =>
    text.startsWith('mysqldump '),
  );
  const { hostname, port, username, password, pathname } = new URL(mysqlUrl);
  const database = pathname.slice(1);
  const server = `--host=${hostname} --port=${port} --user=${username} --password=${password}`;
  const dump = shown?.text
    .replace('--host=127.0.0.1 --user=auto_session --password auto_session', `${server} ${database}`)
    .replace('auto_session.sql', file);
  const empty = `DROP DATABASE ${database}; CREATE DATABASE ${database}`;
  return {
    make: () => bash(dump ?? 'false'),
    restore: () => bash(`mysql ${server} -e '${empty}'; mysql ${server} ${database} < ${file}`),
  };
}

/** The frames of a stream, in order of arrival. */
async function framesOf(rest: RestClient, listening: AbortController, cursor?: string): Promise<SseFrame[]> {
  const headers: Record<string, string> = cursor === undefined ? {} : { 'last-event-id': cursor };
  const frames: SseFrame[] = [];
  const stream = await rest.stream('/api/events/stream', listening.signal, headers);
  void (async () => {
    for await (const frame of stream) frames.push(frame);
  })().catch(() => {}); // the server is killed
  return frames;
}

describe.runIf(sharedServersAvailable)('a database that was restored to an earlier state', () => {
  it('keeps every guarantee when the event log was emptied, as the page on operations says', {
    timeout: 90_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'auto-session-backup-'));
    stack.defer(() => rmSync(folder, { recursive: true }));
    const [queue, log, mysqlUrl] = [
      stack.use(await startRedis()),
      stack.use(await startNats()),
      await createDatabase(),
    ];
    const env = { MYSQL_URL: mysqlUrl, REDIS_URL: queue.url, NATS_URL: log.url };
    const backup = backupOf(mysqlUrl, join(folder, 'dump.sql'));
    const server = stack.use(await startServerProcess(env));
    const rest = restClient(server.url);
    const agent = { agent_id: 'agent_01', agent_name: '小王' };
    const body = sessionBody();
    const frames = await framesOf(
      rest,
      stack.adopt(new AbortController(), (listening) => listening.abort()),
    );
    const { session_id: sessionId } = await rest.ok(rest.post('/api/sessions/create', body));
    await eventually(() => expect(frames.at(-1)?.event).toBe('task_created'));
    const known = frames.at(-1)?.id ?? '';
    await backup.make();
    // the time that will be lost: the fence goes two epochs further, and another session is made
    await rest.ok(rest.post(`/api/sessions/${sessionId}/takeover`, agent));
    await rest.ok(rest.post(`/api/sessions/${sessionId}/release`, agent));
    const lost = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    await eventually(() => expect(frames.at(-1)?.event).toBe('task_created'));
    const lostTime = frames.at(-1)?.id ?? '';
    await server.kill();
    await backup.restore();
    await log.wipe();
    await server.start();
    expect((await rest.get(`/api/sessions/${lost.session_id}/status`)).body.error_code).toBe('SESSION_NOT_FOUND');
    const lease = await rest.ok(rest.get(`/api/tasks/next_id?account_id=${body.account_id}&wait_seconds=5`));
    await rest.ok(rest.post(`/api/sessions/${sessionId}/takeover`, agent));
    expect((await rest.get(`/api/tasks/${lease.task_id}/send_info`)).body.error_code).toBe('HANDED_OVER');
    const listen = (cursor: string) =>
      framesOf(
        rest,
        stack.adopt(new AbortController(), (listening) => listening.abort()),
        cursor,
      );
    const [fromBefore, fromLostTime] = [await listen(known), await listen(lostTime)];
    const { session_id: next } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    for (const seen of [fromBefore, fromLostTime])
      await eventually(() => expect(seen.some(({ data }) => data.session_id === next)).toBe(true));
    expect(fromBefore.map(({ event }) => event)).not.toContain('resync');
    expect(fromLostTime[0]?.event).toBe('resync');
    await eventually(async () => {
      const { code, output } = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
      if (code !== 0) throw new Error(output);
    }, 15_000);
  });
});
