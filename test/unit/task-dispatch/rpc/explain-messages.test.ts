import { createHash } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import type { TaskTables } from '../../../../services/task-dispatch/store/tables.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

type PartyKeys = { accountKey: string; shopKey: string };

function explaining({ tasks, clock }: TaskDispatchHarness) {
  const at = (ms: number) => timestampFromMs(clock.now() + ms);
  const said = (messageId: string, content: string, ago = 0) => ({
    messageId,
    content,
    sentAt: at(-ago),
    storedAt: at(0),
  });
  const explain = async ({ accountKey, shopKey }: PartyKeys, messages: ReturnType<typeof said>[], overrides = {}) =>
    (await tasks.explainMessages({ accountKey, shopKey, messages, ...overrides })).explained.map((e) => [
      e.messageId,
      e.taskId,
    ]);
  return { at, said, explain };
}

describe.each(databaseNames)('explaining on %s', (database) => {
  it('completes a task by the message that proves it, and stores the match', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { sent, status } = taskActions(testHarness);
    const { said, explain } = explaining(testHarness);
    const task = await sent();
    const message = said('m1', ` ${task.sendContent}\n`);
    expect(await explain(task, [message])).toEqual([['m1', task.taskId]]);
    expect(await status(task.taskId)).toBe('completed');
    expect(await explain(task, [message, said('m2', task.sendContent)])).toEqual([['m1', task.taskId]]);
    expect((await testHarness.events(task.sessionId)).at(-1)).toMatchObject({
      change: TaskChange.COMPLETED,
      actor: 'evidence',
      task: { matchedMessageId: 'm1' },
    });
  });

  it('gives concurrent calls with the same and with other messages one answer per receipt', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { sent } = taskActions(testHarness);
    const { said, explain } = explaining(testHarness);
    const task = await sent();
    const ids = ['m1', 'm1', 'm1', 'm2', 'm2', 'm3'];
    const answers = await Promise.all(ids.map((id) => explain(task, [said(id, task.sendContent)])));
    const explained = new Set(answers.flat().map(([messageId]) => messageId));
    expect(explained.size).toBe(1);
    for (const [i, id] of ids.entries()) expect(answers[i]).toHaveLength(explained.has(id) ? 1 : 0);
  });

  it('takes the receipts of several sessions of one conversation in one call', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { sent, status } = taskActions(testHarness);
    const { said, explain } = explaining(testHarness);
    const first = await sent();
    const { accountKey, shopKey } = first;
    const second = await sent({ accountKey, shopKey });
    const messages = [said('m1', first.sendContent), said('m2', second.sendContent)];
    expect((await explain(first, messages)).toSorted()).toEqual([
      ['m1', first.taskId],
      ['m2', second.taskId],
    ]);
    expect([await status(first.taskId), await status(second.taskId)]).toEqual(['completed', 'completed']);
  });
});

describe.each(databaseNames)('a receipt of an earlier release on %s', (database) => {
  const formerHash = (content: string) =>
    createHash('sha256').update(content.normalize('NFKC').replace(/\s+/gu, ' ').trim()).digest('hex');
  /** A fetched task whose receipt has the format of the earlier release. */
  const sentBefore = async (testHarness: TaskDispatchHarness, sendContent: string) => {
    const task = await taskActions(testHarness).sent({ sendContent });
    await testHarness.db
      .autocommit<TaskTables>()
      .updateTable('receipts')
      .set({ content_hash: formerHash(sendContent), folded_hash: null })
      .where('task_id', '=', task.taskId)
      .execute();
    return task;
  };

  it.each([
    ['as it was sent', '您好\u200B：\n订单 123❤\uFE0F', '您好\u200B：\n订单 123❤\uFE0F'],
    ['with what is not seen', '收到👍', '收到\u200B👍\uFE0F'],
  ])('is found by a message %s', async (_, sendContent, seen) => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { said, explain } = explaining(testHarness);
    const task = await sentBefore(testHarness, sendContent);
    expect(await explain(task, [said('m1', seen)])).toEqual([['m1', task.taskId]]);
  });

  it('explains one of two messages that look the same', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { said, explain } = explaining(testHarness);
    const task = await sentBefore(testHarness, '收到\u200B👍');
    expect(await explain(task, [said('m1', '收到\u200B👍'), said('m2', '收到👍')])).toHaveLength(1);
  });
});

describe.each(databaseNames)('a receipt on %s', (database) => {
  it('is found by earlier releases, by the hash that they compute', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const sendContent = '您好：\n订单 123❤\uFE0F';
    const task = await taskActions(testHarness).sent({ sendContent });
    const receipts = testHarness.db.autocommit<TaskTables>().selectFrom('receipts').select('content_hash');
    const { content_hash } = await receipts.where('task_id', '=', task.taskId).executeTakeFirstOrThrow();
    expect(content_hash).toBe(createHash('sha256').update('您好: 订单 123❤\uFE0F').digest('hex'));
  });

  it('of a content without visible characters is matched by that content only', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { said, explain } = explaining(testHarness);
    const task = await taskActions(testHarness).sent({ sendContent: '\u200B' });
    const unlike = [said('m1', '\uFE0F'), said('m2', ' '), said('m3', '\u2800')];
    expect(await explain(task, unlike)).toEqual([]);
    expect(await explain(task, [...unlike, said('m4', '\u200B')])).toEqual([['m4', task.taskId]]);
  });
});

describe('explaining', () => {
  it('finds the receipt of a task that was completed, retried, failed, or lost to a takeover', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete, raise, status } = taskActions(testHarness);
    const { said, explain } = explaining(testHarness);
    const done = await sent();
    await complete(done.sessionId);
    const retried = await sent({ maxAttempts: 2 });
    await complete(retried.sessionId, { success: false });
    const failed = await sent();
    await complete(failed.sessionId, { success: false });
    const takenOver = await sent({ maxAttempts: 2 });
    await raise(takenOver.sessionId, 2);
    await complete(takenOver.sessionId, { success: false });
    expect(await status(takenOver.taskId)).toBe('cancelled');
    for (const task of [done, retried, failed, takenOver]) {
      expect(await explain(task, [said(`m-${task.taskId}`, task.sendContent)])).toHaveLength(1);
      expect(await status(task.taskId)).toBe('completed');
    }
  });

  it('does not explain messages from before the fetch or of another sender', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, sent } = taskActions(testHarness);
    const { said, explain } = explaining(testHarness);
    const old = said('m1', '您好');
    testHarness.clock.advance({ seconds: 1 });
    const task = await sent({ sendContent: '您好' });
    expect(await explain(task, [old, said('m2', '我是真人')])).toEqual([]);
    expect(await explain(await store({ sendContent: '您好' }), [said('m3', '您好')])).toEqual([]);
    const elsewhere = { accountKey: task.accountKey, shopKey: 'shp_other' };
    expect(await explain(elsewhere, [said('m4', '您好')])).toEqual([]);
  });

  it('requeues tasks that the window proves unsent, without counting the attempt', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, claim, fetch, complete, status } = taskActions(testHarness);
    const { at, explain } = explaining(testHarness);
    const task = await sent();
    const before = at(-61_000);
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    await explain(task, [], { oldestAt: before, newestAt: at(0) });
    expect(await status(task.taskId)).toBe('unknown');
    testHarness.clock.advance({ seconds: 61 });
    await explain(task, [], { oldestAt: before, newestAt: at(0) });
    expect(await status(task.taskId)).toBe('pending');
    expect((await testHarness.events(task.sessionId)).at(-1)).toMatchObject({
      change: TaskChange.REQUEUED,
      actor: 'evidence',
    });
    const lease = await claim(task.accountId);
    expect(await fetch(lease.taskId, lease.leaseToken)).toMatchObject({ attempt: 2 });
    expect((await complete(task.sessionId, { success: false })).taskStatus).toBe(TaskStatus.FAILED);
  });

  it('withdraws tasks that it proves unsent when the bot is not in control', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, raise, status } = taskActions(testHarness);
    const { at, explain } = explaining(testHarness);
    const task = await sent();
    const before = at(-61_000);
    await raise(task.sessionId, 2);
    testHarness.clock.advance({ seconds: 200 });
    await testHarness.reap();
    await explain(task, [], { oldestAt: before, newestAt: at(0) });
    expect(await status(task.taskId)).toBe('cancelled');
    expect((await testHarness.events(task.sessionId)).at(-1)).toMatchObject({
      reason: 'handed_over',
      actor: 'evidence',
    });
  });
});
