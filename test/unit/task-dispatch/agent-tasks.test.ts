import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskAuthor, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/app-error.ts';
import { unique } from '../../support/factories.ts';
import {
  databaseNames,
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
  taskSpec,
} from '../../support/task-dispatch/task-dispatch-harness.ts';

const AGENT = 'agent_01';

/** A shop session that an agent has taken over at epoch 2, with a bot's task that this has withdrawn. */
async function attendedSession(testHarness: TaskDispatchHarness) {
  const actions = taskActions(testHarness);
  const { tasks, clock } = testHarness;
  const first = await actions.store();
  const { sessionId, accountId, accountKey, shopKey } = first;
  const takeOver = (ownerEpoch: number, agentId = AGENT) =>
    actions.raise(sessionId, ownerEpoch, { status: Control.MANUAL_LIVE, agentId });
  await takeOver(2);
  const spec = (overrides: Parameters<typeof taskSpec>[0] = {}) =>
    taskSpec({
      ...{ sessionId, accountId, accountKey, shopKey, ownerEpoch: 2, agentId: AGENT },
      messageId: `msg_${unique()}`,
      createdAt: timestampFromMs(clock.now()),
      ...overrides,
    });
  const say = async (overrides: Parameters<typeof taskSpec>[0] = {}) => {
    const task = spec(overrides);
    await tasks.createTask({ task, status: Control.MANUAL_LIVE });
    return task;
  };
  const release = (ownerEpoch: number) => actions.raise(sessionId, ownerEpoch, { status: Control.BOT_ACTIVE });
  /** Claims and fetches the next task of the account; its id, or an empty text. */
  const fetchNext = async () => {
    const lease = await actions.claim(accountId);
    if (lease.taskId) await actions.fetch(lease.taskId, lease.leaseToken);
    return { taskId: lease.taskId, token: lease.leaseToken };
  };
  return { ...actions, sessionId, accountId, accountKey, shopKey, takeOver, release, say, spec, fetchNext };
}

const reasonOf = async (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: unknown) => ErrorReason[errorInfo(error)?.reason as unknown as number] ?? errorInfo(error)?.reason,
  );

describe.each(databaseNames)('the tasks of an agent on %s', (database) => {
  it('are handed out while that agent is in control, with their author', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, claim, accountId, fetch } = await attendedSession(testHarness);
    const said = await say({ sendContent: '我是人工客服' });
    const lease = await claim(accountId);
    expect(lease.taskId).toBe(said.taskId);
    expect((await fetch(lease.taskId, lease.leaseToken)).sendContent).toBe('我是人工客服');
    const { task } = await testHarness.tasks.getTask({ taskId: said.taskId });
    expect(task).toMatchObject({ author: TaskAuthor.AGENT, agentId: AGENT, messageId: said.messageId });
  });

  it('are not stored for an agent who is not in control, at an epoch that has ended, or while the bot is in control', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { spec, release, takeOver, row } = await attendedSession(testHarness);
    const store = (task: ReturnType<typeof spec>) =>
      testHarness.tasks.createTask({ task, status: Control.MANUAL_LIVE });
    const other = spec({ agentId: 'agent_02' });
    expect(await reasonOf(store(other))).toBe('HANDED_OVER');
    await release(3);
    const late = spec();
    expect(await reasonOf(store(late))).toBe('HANDED_OVER');
    await takeOver(4);
    expect(await reasonOf(store(late))).toBe('HANDED_OVER');
    for (const { taskId } of [other, late]) await expect(row(taskId)).rejects.toThrow();
    // refused once, stored under the epoch of the new takeover
    await store({ ...late, ownerEpoch: 4 });
    expect((await row(late.taskId)).status).toBe('pending');
  });

  it('go before every task of a bot, and one after the other in the order in which they were said', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, fetchNext, status, accountId, accountKey, complete, sessionId, store } =
      await attendedSession(testHarness);
    await store({ accountId, accountKey, level: 5, taskType: 3 });
    const said = [await say(), await say(), await say()];
    const order: string[] = [];
    for (const expected of said) {
      expect(await status(expected.taskId)).toBe('pending');
      const { taskId, token } = await fetchNext();
      order.push(taskId);
      const waiting = await Promise.all(said.slice(order.length).map((task) => status(task.taskId)));
      expect(waiting.every((name) => name === 'held')).toBe(true);
      await complete(sessionId, { taskId, leaseToken: token });
    }
    expect(order).toEqual(said.map(({ taskId }) => taskId));
    expect((await fetchNext()).taskId).not.toBe('');
  });

  it('wait for an earlier one that is leased, and go on when it failed, and when its lease ran out after the fetch', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, claim, fetch, fetchNext, status, accountId, complete, sessionId } = await attendedSession(testHarness);
    const [first, second, third] = [await say(), await say(), await say()];
    const lease = await claim(accountId);
    expect(lease.taskId).toBe(first.taskId);
    expect((await claim(accountId)).taskId).not.toBe(second.taskId);
    await fetch(first.taskId, lease.leaseToken);
    await complete(sessionId, { taskId: first.taskId, leaseToken: lease.leaseToken, success: false });
    expect(await status(first.taskId)).toBe('failed');
    expect((await fetchNext()).taskId).toBe(second.taskId);
    testHarness.clock.advance({ minutes: 4 });
    await testHarness.reap();
    expect(await status(second.taskId)).toBe('unknown');
    expect((await fetchNext()).taskId).toBe(third.taskId);
  });

  it('are withdrawn by the release, whose answer lists them, also when it is repeated', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, fetchNext, release, status, claim, accountId, fetch } = await attendedSession(testHarness);
    const out = await say({ sendContent: '已经发出' });
    await fetchNext();
    const unsent = [await say({ sendContent: '第二句' }), await say({ sendContent: '第三句' })];
    const first = await release(3);
    const repeat = await release(3);
    for (const answer of [first, repeat]) {
      expect(answer.unsent.map(({ taskId, content }) => [taskId, content])).toEqual(
        unsent.map(({ taskId, sendContent }) => [taskId, sendContent]),
      );
      expect(answer.possiblySent).toMatchObject([
        { taskId: out.taskId, author: TaskAuthor.AGENT, messageId: out.messageId, taskStatus: TaskStatus.FETCHED },
      ]);
    }
    for (const { taskId } of unsent) {
      expect(await status(taskId)).toBe('cancelled');
      expect(await reasonOf(fetch(taskId))).toBe('HANDED_OVER');
    }
    expect((await claim(accountId)).taskId).toBe('');
    // a later takeover and release lists only what it has withdrawn itself
    expect((await release(5)).unsent).toEqual([]);
  });

  it('are listed by a release whose fence was raised before it asked, and passed since by a pause or another agent', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, release, takeOver, raise, sessionId } = await attendedSession(testHarness);
    await release(3);
    await takeOver(4);
    const said = [await say({ ownerEpoch: 4 }), await say({ ownerEpoch: 4 })];
    const ids = said.map(({ taskId }) => taskId);
    const unsentIds = ({ unsent }: Awaited<ReturnType<typeof release>>) => unsent.map(({ taskId }) => taskId);
    expect(unsentIds(await release(5))).toEqual(ids); // by the event of the session
    const paused = { status: Control.BOT_ACTIVE, paused: true, tasksFromEpoch: 5 };
    expect(unsentIds(await raise(sessionId, 6, paused))).toEqual(ids);
    expect(unsentIds(await raise(sessionId, 6, paused))).toEqual(ids);
    await takeOver(7, 'agent_02');
    const others = await say({ ownerEpoch: 7, agentId: 'agent_02' });
    expect(unsentIds(await release(5))).toEqual(ids);
    expect(unsentIds(await release(8))).toEqual([others.taskId]);
    expect(unsentIds(await release(5))).toEqual(ids);
  });

  it('are withdrawn when another agent gets control', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, takeOver, status } = await attendedSession(testHarness);
    const said = await say();
    await takeOver(3, 'agent_02');
    expect(await status(said.taskId)).toBe('cancelled');
  });

  it('wait for the fence of a takeover that is not raised yet, and keep their order then', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, takeOver, release, status, fetchNext } = await attendedSession(testHarness);
    await release(3);
    const said = [await say({ ownerEpoch: 4 }), await say({ ownerEpoch: 4 })] as const;
    expect(await Promise.all(said.map(({ taskId }) => status(taskId)))).toEqual(['held', 'held']);
    await takeOver(4);
    expect(await Promise.all(said.map(({ taskId }) => status(taskId)))).toEqual(['pending', 'held']);
    expect((await fetchNext()).taskId).toBe(said[0].taskId);
  });

  it('are never sent again by the policy resend, nor after a window proved them unsent', async () => {
    const env = { AUTOSESSION_UNKNOWN_POLICY: 'resend', AUTOSESSION_UNKNOWN_AFTER_MINUTES: '1' };
    await using testHarness = await startTaskDispatchHarness({ database, env });
    const { say, fetchNext, status, accountKey, shopKey } = await attendedSession(testHarness);
    const { clock, tasks } = testHarness;
    const fetchedAt = clock.now();
    const said = await say({ maxAttempts: 5 });
    await fetchNext();
    clock.advance({ minutes: 10 });
    await testHarness.reap();
    clock.advance({ minutes: 10 });
    await testHarness.reap();
    expect(await status(said.taskId)).toBe('unknown');
    const window = { oldestAt: timestampFromMs(fetchedAt - 600_000), newestAt: timestampFromMs(clock.now()) };
    await tasks.explainMessages({ accountKey, shopKey, ...window, messages: [] });
    expect(await status(said.taskId)).toBe('failed');
  });

  it('are sent once more when an operator decides so, before those that wait', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, fetchNext, status, complete, sessionId, release } = await attendedSession(testHarness);
    const [first, second, third] = [await say(), await say(), await say()];
    await fetchNext();
    testHarness.clock.advance({ minutes: 4 });
    await testHarness.reap();
    expect(await status(second.taskId)).toBe('pending');
    await testHarness.tasks.requeueTask({ taskId: first.taskId });
    expect(await Promise.all([first, second, third].map(({ taskId }) => status(taskId)))).toEqual([
      'pending',
      'held',
      'held',
    ]);
    const again = await fetchNext();
    expect(again.taskId).toBe(first.taskId);
    await complete(sessionId, { taskId: again.taskId, leaseToken: again.token, success: false });
    expect(await status(first.taskId)).toBe('failed');
    await release(3);
    expect(await reasonOf(testHarness.tasks.requeueTask({ taskId: first.taskId }))).toBe('HANDED_OVER');
  });

  it('explain the message of an upload, and say whose words it is', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, fetchNext, status, accountKey, shopKey, release } = await attendedSession(testHarness);
    const said = await say({ sendContent: '稍等，我查一下' });
    await fetchNext();
    await release(3);
    const at = timestampFromMs(testHarness.clock.now());
    const messages = [{ messageId: 'upload-1', content: '稍等，我查一下', sentAt: at, storedAt: at }];
    const { explained } = await testHarness.tasks.explainMessages({ accountKey, shopKey, messages });
    expect(explained).toMatchObject([{ messageId: 'upload-1', taskId: said.taskId, agentMessageId: said.messageId }]);
    expect(await status(said.taskId)).toBe('completed');
  });

  it('are not stored in a session without a fence, of which a takeover has raised none', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const task = taskSpec({ agentId: AGENT, messageId: 'msg_1', ownerEpoch: 2 });
    const { claim, row } = taskActions(testHarness);
    expect(await reasonOf(testHarness.tasks.createTask({ task, status: Control.MANUAL_LIVE }))).toBe('HANDED_OVER');
    await expect(row(task.taskId)).rejects.toThrow();
    expect((await claim(task.accountId)).taskId).toBe('');
  });

  it('are refused once 100 of the session are not sent, and accepted again when one is', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, spec, fetchNext, complete, sessionId, release } = await attendedSession(testHarness);
    for (let i = 0; i < 100; i++) await say();
    const next = spec();
    const store = () => testHarness.tasks.createTask({ task: next, status: Control.MANUAL_LIVE });
    expect(await reasonOf(store())).toBe('RATE_LIMITED');
    const { taskId, token } = await fetchNext();
    expect(await reasonOf(store())).toBe('RATE_LIMITED');
    await complete(sessionId, { taskId, leaseToken: token });
    await store();
    await store();
    expect((await release(3)).unsent).toHaveLength(100);
  });

  it('are not meant by a report on the session that names no task, while no sender has them', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, status, complete, sessionId, claim, fetch, accountId } = await attendedSession(testHarness);
    const said = await say();
    for (const success of [false, true])
      expect(await reasonOf(complete(sessionId, { success }).then(() => status(said.taskId)))).not.toBe('completed');
    expect(await status(said.taskId)).toBe('pending');
    const lease = await claim(accountId);
    await fetch(lease.taskId, lease.leaseToken);
    await complete(sessionId);
    expect(await status(said.taskId)).toBe('completed');
  });

  it('hide no task of the bot from those who ask for it, however many there are', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { say, sessionId } = await attendedSession(testHarness);
    testHarness.clock.advance({ seconds: 1 });
    for (let i = 0; i < 205; i++) await testHarness.tasks.cancelTask({ taskId: (await say()).taskId });
    const ask = async (author: TaskAuthor) => (await testHarness.tasks.getSessionTasks({ sessionId, author })).tasks;
    expect((await ask(TaskAuthor.BOT)).map(({ author }) => author)).toEqual([TaskAuthor.BOT]);
    expect(new Set((await ask(TaskAuthor.AGENT)).map(({ author }) => author))).toEqual(new Set([TaskAuthor.AGENT]));
    expect(await ask(TaskAuthor.UNSPECIFIED)).toHaveLength(200);
  }, 60_000);

  it('are stored once when the same request comes several times at once', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    const { spec, sessionId } = await attendedSession(testHarness);
    const task = spec();
    const request = { task, status: Control.MANUAL_LIVE };
    await Promise.all(Array.from({ length: 8 }, () => testHarness.tasks.createTask(request)));
    const changes = (await testHarness.events(sessionId)).filter((event) => event.task?.taskId === task.taskId);
    expect(changes).toHaveLength(1);
  });

  it('are not fetched after a release was answered, and all that were are listed by it (20 races)', async () => {
    await using testHarness = await startTaskDispatchHarness({ database });
    for (let round = 0; round < 20; round++) {
      const { say, claim, fetch, accountId, release, row } = await attendedSession(testHarness);
      const said = [await say(), await say()];
      const { taskId, leaseToken } = await claim(accountId);
      const fetched = fetch(taskId, leaseToken).then(
        () => true,
        () => false,
      );
      const released = release(3);
      const [wasFetched, answer] = await Promise.all([fetched, released]);
      const listed = [...answer.possiblySent, ...answer.unsent].map((one) => one.taskId).sort();
      expect(listed).toEqual(said.map((one) => one.taskId).sort());
      expect(answer.possiblySent.map((one) => one.taskId)).toEqual(wasFetched ? [taskId] : []);
      expect(Number((await row(said[1]!.taskId)).attempt)).toBe(0);
      expect(await reasonOf(fetch(said[1]!.taskId))).toBe('HANDED_OVER');
    }
  });
});
