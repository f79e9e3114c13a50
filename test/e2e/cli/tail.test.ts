import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { sessionBody } from '../../support/factories.ts';
import { type Json, type RestClient, restClient } from '../../support/http/rest-client.ts';
import { type RunningCli, startCli } from '../../support/processes/run-cli.ts';
import { type ServerProcess, startServerProcess } from '../../support/processes/server-process.ts';

let server: ServerProcess;
let rest: RestClient;
const folder = mkdtempSync(join(tmpdir(), 'auto-session-tail-'));

beforeAll(async () => {
  server = await startServerProcess({ AUTOSESSION_DATA_DIR: folder });
  rest = restClient(server.url);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A tail that is connected: it has printed the first event that it was to see. */
async function startTail(...words: string[]): Promise<RunningCli> {
  const tail = startCli(['tail', '--types', 'session_created', '--url', server.url, ...words]);
  await eventually(async () => {
    await create();
    if (tail.out() === '') throw new Error(`nothing yet: ${tail.err()}`);
  });
  return tail;
}

const create = async (): Promise<string> =>
  (await rest.ok(rest.post('/api/sessions/create', sessionBody()))).session_id;
const events = (tail: RunningCli): Json[] =>
  tail
    .out()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const sessions = (tail: RunningCli): string[] => events(tail).map((event) => event.session_id);
const sees = (tail: RunningCli, session: string) =>
  eventually(() => {
    if (!sessions(tail).includes(session)) throw new Error(`${session} is not there yet: ${tail.err()}`);
  }, 20_000);

it('a tail reconnects by itself after a crash of the server, without gaps or repeats', async () => {
  const tail = await startTail('--json');
  const made: string[] = [];
  for (let round = 0; round < 2; round++) {
    made.push(await create());
    await server.kill();
    await server.start();
    made.push(await create());
  }
  await sees(tail, made.at(-1) ?? '');
  expect(sessions(tail).filter((session) => made.includes(session))).toEqual(made);
  expect(tail.err()).toContain('The connection was lost');
  tail.child.kill('SIGINT');
  expect((await tail.ended).code).toBe(0);
}, 60_000);

it('a tail that starts at the cursor of another one prints the events after it', async () => {
  const first = await startTail('--json');
  const seen = await create();
  await sees(first, seen);
  const cursor = events(first).find(({ session_id: id }) => id === seen).cursor;
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
  const missed = await create();
  const second = startCli([
    'tail',
    '--types',
    'session_created',
    '--since',
    cursor,
    '--limit',
    '1',
    '--json',
    '--url',
    server.url,
  ]);
  expect(JSON.parse((await second.ended).out)).toMatchObject({ session_id: missed });
});

it('a tail prints for people how to continue', async () => {
  const tail = await startTail('--limit', '1');
  const { code, err } = await tail.ended;
  expect([code, err]).toEqual([0, expect.stringMatching(/^To continue from here: --since \S+\n$/)]);
});

it('a tail prints a resync when its cursor is no longer available', async () => {
  const unknown = Buffer.from(JSON.stringify({ i: 'another-log', p: '1' })).toString('base64url');
  const tail = startCli(['tail', '--since', unknown, '--limit', '1', '--json', '--url', server.url]);
  expect(JSON.parse((await tail.ended).out)).toMatchObject({ type: 'resync' });
});

it('a tail ends without an error when its reader closes the pipe', async () => {
  const tail = await startTail('--json');
  tail.child.stdout.destroy();
  let done = false;
  const ended = tail.ended.finally(() => {
    done = true;
  });
  await eventually(async () => {
    await create();
    if (!done) throw new Error('it has not noticed yet');
  });
  expect(await ended).toMatchObject({ code: 0, err: '' });
});
