import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checks } from '../../scripts/check-invariants/checks.ts';
import { runChecks } from '../../scripts/check-invariants/report.ts';
import { loadConfig } from '../../services/lib/config/load-config.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { openBackends } from '../../services/lib/runtime/backends.ts';
import { systemClock } from '../../services/lib/runtime/clock.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { chatSteps } from '../support/chat-steps.ts';
import { ChatWindow, sessionBody } from '../support/factories.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

const ONE_SENT = "(SELECT task_id FROM tasks WHERE status = 'completed' LIMIT 1)";

/** Statements that corrupt an intact database, and the start of the invariant that they break. */
const corruptions: [claim: string, ...statements: string[]][] = [
  [
    'one open session',
    'DROP INDEX sessions_slot',
    "UPDATE sessions SET account_key = 'a', shop_key = 's' WHERE state = 'active'",
    "UPDATE sessions SET account_key = 'a', shop_key = 's' WHERE state = 'transferred'",
  ],
  [
    'one open chat session',
    'DROP INDEX sessions_open_name',
    "UPDATE sessions SET session_name = 'n' WHERE user_id <> ''",
  ],
  ['the fence of every chat', 'UPDATE chat_sessions SET owner_epoch = owner_epoch - 1 WHERE control = 3'],
  ['the fence of every chat', 'DELETE FROM chat_sessions WHERE control = 3'],
  ['the fence of every chat', "UPDATE sessions SET fenced_epoch = owner_epoch + 1 WHERE user_id <> ''"],
  ['a turn of a bot runs only', 'UPDATE chat_turns SET running = 1, owner_epoch = owner_epoch - 1'],
  ['messages of a chat are numbered', 'UPDATE chat_sessions SET last_seq = last_seq + 1'],
  ['messages of a chat are numbered', 'UPDATE messages SET seq = seq + 9 WHERE role = 4'],
  ['every message of a chat is answered', 'UPDATE chat_sessions SET unanswered = unanswered + 1'],
  ['every message of a chat is answered', 'UPDATE messages SET answers_seq = 1 WHERE role = 4'],
  ['a message that waits for a bot', 'UPDATE chat_sessions SET unanswered = 1, answered_seq = 0 WHERE control = 1'],
  ['state and control agree', "UPDATE sessions SET control = 'bot_active' WHERE state = 'transferred'"],
  ['every fence matches', "UPDATE session_fence SET owner_epoch = 1 WHERE status = 'manual_live'"],
  ['every fence matches', 'UPDATE session_fence SET paused = 0 WHERE paused = 1'],
  ['every fence matches', 'DELETE FROM session_fence WHERE owner_epoch = 1'],
  ['every fence matches', 'UPDATE sessions SET fenced_epoch = owner_epoch + 1'],
  ['every open fence and its tasks', `DELETE FROM sessions WHERE first_task_id = ${ONE_SENT}`],
  ['every open fence and its tasks', 'UPDATE session_fence SET owner_epoch = owner_epoch + 1'],
  ['a task waits only', "UPDATE tasks SET status = 'pending' WHERE status = 'cancelled'"],
  ['a task waits only', "UPDATE tasks SET status = 'pending' WHERE status = 'held' AND agent_id = ''"],
  ['a task waits only', "UPDATE tasks SET agent_id = 'another' WHERE agent_id <> ''"],
  ['of the agents’ tasks', "UPDATE tasks SET status = 'pending' WHERE status = 'held' AND agent_id <> ''"],
  ['every open task of an agent', "DELETE FROM messages WHERE task_id <> ''"],
  ['every task that a session was created with', `DELETE FROM tasks WHERE task_id = ${ONE_SENT}`],
  ['a task’s content was fetched', 'UPDATE receipts SET fence = fence + 7'],
  ['a task’s content was fetched', 'UPDATE tasks SET attempt = 0'],
  [
    'one message explains one receipt',
    'DROP INDEX receipts_message',
    "UPDATE receipts SET account_key = 'a', shop_key = 's', matched_message_id = 'm'",
  ],
  ['every fetched or unknown', 'DELETE FROM receipts'],
  [
    'no task appears twice',
    'UPDATE receipts SET fence = rowid + 7, matched_message_id = rowid',
    'UPDATE receipts SET task_id = (SELECT max(task_id) FROM receipts)',
  ],
  ['every fence counts', 'UPDATE session_fence SET open_tasks = open_tasks + 1'],
  ['messages are numbered', 'UPDATE conversations SET last_seq = last_seq + 1'],
  ['every message is evaluated', 'UPDATE messages SET settled = 0'],
  ['events are numbered', 'DELETE FROM outbox WHERE source_seq = 1'],
  ['events are numbered', "DELETE FROM outbox WHERE source_seq = 2 AND source = 'session'"],
  ['every event of the outbox', 'DELETE FROM event_log WHERE position = 3'],
  ['every event of the outbox', "UPDATE outbox SET published_at = NULL, retry_at = created_at, last_error = 'no'"],
  ['the log has', 'DELETE FROM event_log WHERE source_seq = 1'],
  ['the log has', 'UPDATE event_log SET source_seq = 9 WHERE source_seq = 2'],
  ['no event of a session precedes', "DELETE FROM event_log WHERE type = 'session_created'"],
  ['no event is parked', parking()],
  ['every consumer', 'UPDATE consumer_offset SET position = position + 1'],
  ['every change of a session', "DELETE FROM event_log WHERE source = 'session' AND source_seq = 2"],
  ['a session is in the state', 'UPDATE sessions SET version = version + 1'],
  ['a session is in the state', "UPDATE sessions SET control = 'pending_manual' WHERE control = 'manual_live'"],
  ['every change of a task', "DELETE FROM event_log WHERE source = 'task-dispatch' AND source_seq = 2"],
  ['a task has the status', `UPDATE tasks SET status = 'failed' WHERE task_id = ${ONE_SENT}`],
  ['a session without the bot', "UPDATE handovers SET state = 'closed'"],
  ['every change of control is in the audit', 'UPDATE audit_entries SET owner_epoch = 1'],
  [
    'shop names that look the same',
    `INSERT INTO directory_alias SELECT tenant, platform, 'shop', 'key', shop_key, 'shp_other', created_at FROM sessions LIMIT 1`,
  ],
  ['all data of a session is stored', "UPDATE handovers SET tenant = 'other'"],
];

function parking(): string {
  const columns = 'tenant, session_id, source, source_seq, event_id, type, payload';
  return `INSERT INTO parked_event (consumer, ${columns}, attempts, retry_at) SELECT 'x', ${columns}, 1, created_at FROM outbox LIMIT 1`;
}

/** A chat that the bot has answered twice, and one that a human has taken over. */
async function createChats(system: TestSystem) {
  const [answered, taken] = [chatSteps(system), chatSteps(system)];
  await answered.chat('你好');
  await answered.chat('谢谢');
  await taken.chat('你好');
  const agent = { agent_id: 'agent_1', agent_name: '小王' };
  await system.rest.ok(system.rest.post(`/api/sessions/${taken.name}/takeover`, agent));
}

/** A session in each of the cells, with every table filled. */
async function createSessions(system: TestSystem) {
  await createChats(system);
  const { sentSession, create, takeOver, claimAndFetch, sayAsAgent } = flowSteps(system);
  const { rest } = system;
  await sentSession();
  const { body, data } = await sentSession().then(async (sent) => ({ body: sent.body, data: sent }));
  await rest.ok(takeOver(data.sessionId));
  await rest.ok(rest.post('/api/messages/batch', new ChatWindow(body, () => system.clock.now()).shop('在吗').batch()));
  const paused = await create();
  await rest.ok(rest.post(`/api/sessions/${paused.data.session_id}/pause`));
  const handed = await create();
  await rest.ok(takeOver(handed.data.session_id));
  for (const content of ['您好', '请稍等']) await rest.ok(sayAsAgent(handed.data.session_id, content));
  const out = await create();
  await claimAndFetch(out.body.account_id);
  const closed = await create();
  await rest.ok(rest.post(`/api/sessions/${closed.data.session_id}/close`, { outcome: 'cancelled' }));
}

/** Stops the relay's work and the calls between services half-way through changes of every kind, as a stop may do. */
async function interruptChanges(system: TestSystem) {
  const { create, sentSession, takeOver, claimAndFetch } = flowSteps(system);
  const { rest } = system;
  const waiting = [await create(), await create(), await create()];
  const { window } = await sentSession();
  const paused = await create();
  await rest.ok(rest.post(`/api/sessions/${paused.data.session_id}/pause`));
  await assertInvariants(system);
  const fail = () => {
    throw new Error('stopped here');
  };
  using _relay = armFailpoint('relay.before-publish', fail);
  using _fence = armFailpoint('call:TaskService/RaiseFence', fail);
  const [taken, stopped, closed] = waiting.map(({ data }) => data.session_id);
  expect((await takeOver(taken)).status).toBe(503);
  expect((await rest.post(`/api/sessions/${stopped}/pause`)).status).toBe(503);
  expect((await rest.post(`/api/sessions/${closed}/close`, { outcome: 'cancelled' })).status).toBe(503);
  expect((await rest.post(`/api/sessions/${paused.data.session_id}/resume`)).status).toBe(503);
  await claimAndFetch((await create()).body.account_id);
  using _task = armFailpoint('call:TaskService/CreateTask', fail);
  expect((await rest.post('/api/sessions/create', sessionBody())).status).toBe(503);
  using _messages = armFailpoint('call:SessionService/ApplyMessages', fail);
  expect((await rest.post('/api/messages/batch', window.shop('在吗').batch())).status).toBe(503);
  await system[Symbol.asyncDispose]();
}

const folder = mkdtempSync(join(tmpdir(), 'auto-session-verify-'));
beforeAll(async () => {
  for (const state of ['at rest', 'stopped half-way']) {
    await using system = await startTestSystem('embedded', { env: { AUTOSESSION_DATA_DIR: join(folder, state) } });
    await createSessions(system);
    await assertInvariants(system);
    if (state !== 'at rest') await interruptChanges(system);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The invariants that are broken, and those that are behind, in a copy of a stored system after the statements. */
async function checkCopy(from: string, name: string, statements: readonly string[]) {
  const dataDir = join(folder, name);
  cpSync(from, dataDir, { recursive: true });
  const config = loadConfig({ AUTOSESSION_DATA_DIR: dataDir });
  await using backends = await openBackends(config, { clock: systemClock, logger: createLogger('silent') });
  for (const statement of statements) await sql.raw(statement).execute(backends.db.autocommit());
  const report = await runChecks(backends);
  const claims = (kind: 'violations' | 'behind') =>
    report.checks.filter((check) => check[kind].length > 0).map(({ claim }) => claim);
  return { broken: claims('violations'), behind: claims('behind'), holds: report.holds };
}

describe.each(['at rest', 'stopped half-way'])('the checker of a system %s', (state) => {
  const base = join(folder, state);
  const isAtRest = state === 'at rest';
  it('finds nothing broken in an intact system', async () => {
    const { broken, behind, holds } = await checkCopy(base, `${state} copy`, []);
    expect([broken, behind.length > 0, holds]).toEqual([[], !isAtRest, true]);
  });

  it.each(corruptions.map(([claim, ...statements], index) => ({ claim, statements, index })))(
    'sees that “$claim …” is not true after $statements.0',
    async ({ claim, statements, index }) => {
      const { broken } = await checkCopy(base, `${state} ${index}`, statements);
      expect(broken.some((each) => each.startsWith(claim))).toBe(true);
    },
  );
});

describe('the checker', () => {
  it('reports each invariant that a stop leaves unfinished as behind, and the next start makes all of them hold', async () => {
    const base = join(folder, 'stopped half-way');
    const { behind } = await checkCopy(base, 'undone', []);
    expect(behind.map((claim) => claim.split(' ').slice(0, 4).join(' '))).toEqual([
      'every task that a',
      'every fence matches its',
      'a task waits only',
      'every message is evaluated,',
      'every event of the',
      'a session without the',
      'every change of control',
    ]);
    const env = { AUTOSESSION_DATA_DIR: join(folder, 'undone') };
    await using system = await startTestSystem('embedded', { env });
    await assertInvariants(system);
  });

  it.each([
    ['every consumer', 'UPDATE consumer_offset SET position = position - 1'],
    ['every event of the outbox', 'UPDATE outbox SET published_at = NULL'],
    [
      'shop names that look the same',
      `INSERT INTO directory_alias SELECT tenant, platform, side, kind, value || char(8203), 'shp_other', created_at
       FROM directory_alias WHERE side = 'shop' AND kind = 'name' LIMIT 1`,
    ],
    ['every event of the outbox', "UPDATE relay_state SET incarnation = 'another'", 'DELETE FROM event_log'],
  ])('says that “%s …” is behind, not broken, after %s', async (claim, ...statements) => {
    const { broken, behind } = await checkCopy(join(folder, 'at rest'), `behind ${statements[0]}`, statements);
    expect([broken, behind.map((each) => each.startsWith(claim))]).toEqual([[], [true]]);
  });

  it('has no check without a test that breaks it', () => {
    const never = checks.filter(({ invariant }) => !corruptions.some(([beginning]) => invariant.startsWith(beginning)));
    expect(never.map(({ invariant }) => invariant)).toEqual([]);
  });
});
