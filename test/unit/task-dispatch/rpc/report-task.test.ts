import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { TaskChange } from '../../../../gen/autosession/event/v1/event_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { unique } from '../../../support/factories.ts';
import { errorReasonName } from '../../../support/task-dispatch/error-reason-name.ts';
import { startTaskDispatchHarness, taskActions } from '../../../support/task-dispatch/task-dispatch-harness.ts';

describe('a report of success', () => {
  it('completes the task, notifies the session, and is repeatable', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete } = taskActions(testHarness);
    const { sessionId, taskId, token } = await sent();
    const first = await complete(sessionId, { taskId, leaseToken: token });
    expect(first).toMatchObject({ success: true, taskStatus: TaskStatus.COMPLETED, state: SessionState.ACTIVE });
    expect(await complete(sessionId, { taskId, leaseToken: token })).toEqual(first);
    expect(await complete(sessionId)).toEqual(first);
    expect(testHarness.sessions.outcomes).toMatchObject([{ taskId, success: true }, {}, {}]);
    expect(await errorReasonName(complete(sessionId, { success: false }))).toBe('TASK_DONE');
  });

  it('is stored when the session cannot be notified, and the repeat notifies it', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete, status } = taskActions(testHarness);
    const { sessionId, taskId } = await sent();
    testHarness.sessions.unavailable = true;
    expect(await errorReasonName(complete(sessionId, { idempotencyKey: 'k' }))).toBe('SERVICE_UNAVAILABLE');
    expect(await status(taskId)).toBe('completed');
    testHarness.sessions.unavailable = false;
    expect((await complete(sessionId, { idempotencyKey: 'k' })).state).toBe(SessionState.ACTIVE);
    expect(testHarness.sessions.outcomes).toHaveLength(1);
    const other = complete(sessionId, { idempotencyKey: 'k', success: false });
    expect(await errorReasonName(other)).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it.each(['lease', 'takeover', 'close'])('counts after the end of the %s', async (end) => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete, raise } = taskActions(testHarness);
    const { sessionId, taskId, token } = await sent();
    testHarness.clock.advance({ seconds: end === 'lease' ? 121 : 0 });
    await testHarness.reap();
    if (end === 'takeover') await raise(sessionId, 2);
    if (end === 'close') await raise(sessionId, 2, { status: Control.CLOSED, cancelReason: 'session_closed' });
    const answer = await complete(sessionId, { taskId, leaseToken: token });
    expect(answer.taskStatus).toBe(TaskStatus.COMPLETED);
  });

  it('counts for a task that was withdrawn after the claim, or never claimed', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, complete, raise } = taskActions(testHarness);
    const { sessionId, accountId } = await store();
    const lease = await claim(accountId);
    await raise(sessionId, 2);
    expect((await complete(sessionId, { leaseToken: lease.leaseToken })).taskStatus).toBe(TaskStatus.COMPLETED);
    const unclaimed = await store();
    expect((await complete(unclaimed.sessionId)).taskStatus).toBe(TaskStatus.COMPLETED);
    expect((await claim(unclaimed.accountId)).taskId).toBe('');
  });

  it('counts for the last lease with a fetch, and for no older one', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, claim, fetch, complete, status } = taskActions(testHarness);
    const { sessionId, taskId, token, accountId } = await sent({ maxAttempts: 3 });
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    await testHarness.tasks.requeueTask({ taskId });
    const second = await claim(accountId);
    await fetch(taskId, second.leaseToken);
    expect(await errorReasonName(complete(sessionId, { taskId, leaseToken: token }))).toBe('LEASE_LOST');
    await testHarness.tasks.failTask({ taskId, leaseToken: second.leaseToken });
    testHarness.clock.advance({ minutes: 1 });
    await claim(accountId);
    await complete(sessionId, { taskId, leaseToken: second.leaseToken });
    expect(await status(taskId)).toBe('completed');
  });

  it('is refused with the task ids when several are possible', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, complete } = taskActions(testHarness);
    const { sessionId } = await store();
    await store({ sessionId });
    expect(await errorReasonName(complete(sessionId))).toBe('AMBIGUOUS_TASK');
  });

  it.each([true, false])(
    'that names no task is about the same one when it is repeated with success: %s',
    async (success) => {
      await using testHarness = await startTaskDispatchHarness();
      const { store, sent, complete, status } = taskActions(testHarness);
      const first = await sent();
      const next = await store({ sessionId: first.sessionId });
      const answer = await complete(first.sessionId, { success });
      expect(answer.taskId).toBe(first.taskId);
      expect(await complete(first.sessionId, { success })).toEqual(answer);
      expect(await status(next.taskId)).toBe('pending');
    },
  );

  it('distinguishes an unknown session from one without a task', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { complete, store } = taskActions(testHarness);
    expect(await errorReasonName(complete('ses_nobody'))).toBe('SESSION_NOT_FOUND');
    testHarness.sessions.open('ses_empty');
    expect(await errorReasonName(complete('ses_empty'))).toBe('TASK_NOT_FOUND');
    const { sessionId } = await store();
    expect(await errorReasonName(complete(sessionId, { taskId: 'tsk_nobody' }))).toBe('TASK_NOT_FOUND');
  });
});

describe('a report of failure', () => {
  it('fails the task and with it a session that never became active', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete } = taskActions(testHarness);
    const { sessionId, token } = await sent();
    const report = { success: false, leaseToken: token, errorMessage: 'window gone' };
    const first = await complete(sessionId, report);
    expect(first).toMatchObject({ taskStatus: TaskStatus.FAILED, state: SessionState.CANCELLED });
    expect(testHarness.sessions.outcomes).toMatchObject([{ success: false, othersOpen: false, reason: 'window gone' }]);
    expect(await complete(sessionId, report)).toEqual(first);
    expect(await errorReasonName(complete(sessionId))).toBe('TASK_DONE');
  });

  it('is tried again after a while, once per lease, while attempts remain', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, claim, complete, row } = taskActions(testHarness);
    const { sessionId, taskId, token, accountId } = await sent({ maxAttempts: 2 });
    const report = { success: false, leaseToken: token };
    expect(await complete(sessionId, report)).toMatchObject({
      taskStatus: TaskStatus.PENDING,
      state: SessionState.PENDING,
    });
    const { version } = await row(taskId);
    expect((await complete(sessionId, report)).taskStatus).toBe(TaskStatus.PENDING);
    expect((await complete(sessionId, { success: false })).taskStatus).toBe(TaskStatus.PENDING);
    expect((await row(taskId)).version).toBe(version);
    expect((await claim(accountId)).taskId).toBe('');
    testHarness.clock.advance({ seconds: 6 });
    const second = await claim(accountId);
    expect((await complete(sessionId, report)).taskStatus).toBe(TaskStatus.LEASED);
    expect((await complete(sessionId, { success: false, leaseToken: second.leaseToken })).taskStatus).toBe(
      TaskStatus.FAILED,
    );
    expect(await row(taskId)).toMatchObject({ attempt: 2 });
  });

  it('withdraws the task instead of a retry when the bot is not in control', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete, raise } = taskActions(testHarness);
    const { sessionId, token } = await sent({ maxAttempts: 2 });
    await raise(sessionId, 2);
    expect((await complete(sessionId, { success: false, leaseToken: token })).taskStatus).toBe(TaskStatus.CANCELLED);
    expect(testHarness.sessions.outcomes).toEqual([]);
  });

  it('waits for the end of a pause to try again', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete, pause } = taskActions(testHarness);
    const { sessionId, token } = await sent({ maxAttempts: 2 });
    await pause(sessionId, 2);
    expect((await complete(sessionId, { success: false, leaseToken: token })).taskStatus).toBe(TaskStatus.HELD);
  });
});

describe('a withdrawal', () => {
  const withdrawal = { success: false, errorMessage: 'not wanted any more' };

  it('of a task that never had a lease fails it permanently, and cancels its session', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, complete, row } = taskActions(testHarness);
    const { sessionId, taskId, accountId } = await store({ maxAttempts: 5 });
    const first = await complete(sessionId, withdrawal);
    expect(first).toMatchObject({ success: false, taskStatus: TaskStatus.FAILED, state: SessionState.CANCELLED });
    expect(await row(taskId)).toMatchObject({ attempt: 0, error_message: 'not wanted any more' });
    expect(testHarness.sessions.outcomes).toMatchObject([{ taskId, success: false, othersOpen: false }]);
    expect((await testHarness.events(sessionId)).at(-1)).toMatchObject({
      change: TaskChange.FAILED,
      previousStatus: TaskStatus.PENDING,
    });
    expect((await claim(accountId)).taskId).toBe('');
    expect(await complete(sessionId, withdrawal)).toEqual(first);
  });

  it.each(['lost', 'given back', 'failed'])(
    'of a task that had a lease, %s since, is refused or a repeat',
    async (how) => {
      await using testHarness = await startTaskDispatchHarness();
      const { store, claim, complete, status } = taskActions(testHarness);
      const { sessionId, taskId, accountId } = await store({ maxAttempts: 5 });
      const { leaseToken } = await claim(accountId);
      if (how === 'lost') testHarness.clock.advance({ seconds: 121 });
      await testHarness.reap();
      if (how === 'given back') await testHarness.tasks.requeueTask({ taskId, leaseToken });
      if (how === 'failed') await testHarness.tasks.failTask({ taskId, leaseToken });
      if (how === 'failed') expect((await complete(sessionId, withdrawal)).taskStatus).toBe(TaskStatus.PENDING);
      else expect(await errorReasonName(complete(sessionId, withdrawal))).toBe('LEASE_LOST');
      expect(await status(taskId)).toBe('pending');
    },
  );

  it('by a sender with a lease of another task is refused', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, complete, status } = taskActions(testHarness);
    const { sessionId, taskId } = await store();
    expect(await errorReasonName(complete(sessionId, { ...withdrawal, leaseToken: '1.other' }))).toBe('LEASE_LOST');
    expect(await errorReasonName(testHarness.tasks.failTask({ taskId }))).toBe('LEASE_LOST');
    expect(await status(taskId)).toBe('pending');
  });

  it('names the task when several are pending, and leaves the session to the others', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, complete, status } = taskActions(testHarness);
    const first = await store();
    const second = await store({ sessionId: first.sessionId });
    expect(await errorReasonName(complete(first.sessionId, withdrawal))).toBe('AMBIGUOUS_TASK');
    await complete(first.sessionId, { ...withdrawal, taskId: first.taskId });
    expect(testHarness.sessions.outcomes).toMatchObject([{ taskId: first.taskId, othersOpen: true }]);
    expect([await status(first.taskId), await status(second.taskId)]).toEqual(['failed', 'pending']);
  });

  it('also fails a task that a pause holds', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, pause, complete } = taskActions(testHarness);
    const { sessionId } = await store();
    await pause(sessionId, 2);
    expect((await complete(sessionId, withdrawal)).taskStatus).toBe(TaskStatus.FAILED);
  });

  it('of a task that a takeover cancelled changes nothing', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, raise, complete } = taskActions(testHarness);
    const { sessionId } = await store();
    await raise(sessionId, 2);
    expect((await complete(sessionId, withdrawal)).taskStatus).toBe(TaskStatus.CANCELLED);
    expect(testHarness.sessions.outcomes).toEqual([]);
  });
});

describe('by task', () => {
  it('decides an unknown task finally as an operator, and still accepts a late success of the sender', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, complete } = taskActions(testHarness);
    const { sessionId, taskId, token } = await sent({ maxAttempts: 5 });
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    const { task } = await testHarness.tasks.failTask({ taskId, errorMessage: 'looked' });
    expect(task).toMatchObject({ taskStatus: TaskStatus.FAILED, errorMessage: 'looked' });
    expect((await testHarness.events(sessionId)).at(-1)).toMatchObject({
      change: TaskChange.FAILED,
      actor: 'operator',
      previousStatus: TaskStatus.UNKNOWN,
    });
    expect(await errorReasonName(testHarness.tasks.completeTask({ taskId }))).toBe('TASK_DONE');
    expect((await complete(sessionId, { leaseToken: token })).taskStatus).toBe(TaskStatus.COMPLETED);
  });

  it('completes an unknown task as an operator', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent } = taskActions(testHarness);
    const { sessionId, taskId } = await sent();
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    expect((await testHarness.tasks.completeTask({ taskId })).task?.taskStatus).toBe(TaskStatus.COMPLETED);
    expect((await testHarness.events(sessionId)).at(-1)).toMatchObject({ actor: 'operator' });
  });

  it('requeues a task that its holder releases, and one that an operator requeues', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, claim, fetch, raise } = taskActions(testHarness);
    const { taskId, accountId, sessionId } = await store();
    const lease = await claim(accountId);
    expect(await errorReasonName(testHarness.tasks.requeueTask({ taskId }))).toBe('LEASE_LOST');
    await testHarness.tasks.requeueTask({ taskId, leaseToken: lease.leaseToken });
    expect((await testHarness.events(sessionId)).at(-1)).toMatchObject({ reason: 'release' });
    const again = await claim(accountId);
    await fetch(taskId, again.leaseToken);
    expect(await errorReasonName(testHarness.tasks.requeueTask({ taskId }))).toBe('INVALID_TASK_STATUS');
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    const { task } = await testHarness.tasks.requeueTask({ taskId, seconds: 60 });
    expect(task?.taskStatus).toBe(TaskStatus.PENDING);
    expect((await claim(accountId)).taskId).toBe('');
    testHarness.clock.advance({ seconds: 61 });
    const third = await claim(accountId);
    await fetch(taskId, third.leaseToken);
    testHarness.clock.advance({ seconds: 121 });
    await testHarness.reap();
    await raise(sessionId, 2);
    expect(await errorReasonName(testHarness.tasks.requeueTask({ taskId }))).toBe('HANDED_OVER');
  });

  it('cancels a task that was not fetched, notifies the session, and refuses other tasks', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { store, sent, claim, fetch } = taskActions(testHarness);
    const { taskId, accountId, sessionId } = await store();
    await store({ sessionId });
    const first = await testHarness.tasks.cancelTask({ taskId, errorMessage: 'sold out' });
    expect(first.task).toMatchObject({ taskStatus: TaskStatus.CANCELLED, errorMessage: 'sold out' });
    expect(await testHarness.tasks.cancelTask({ taskId })).toEqual(first);
    expect(testHarness.sessions.outcomes[0]).toMatchObject({
      taskId,
      success: false,
      othersOpen: true,
      reason: 'sold out',
    });
    expect((await claim(accountId)).taskId).toBe('');
    expect(await errorReasonName(fetch(taskId))).toBe('TASK_DONE');
    const out = await sent();
    expect(await errorReasonName(testHarness.tasks.cancelTask({ taskId: out.taskId }))).toBe('INVALID_TASK_STATUS');
    expect(await errorReasonName(testHarness.tasks.cancelTask({ taskId: 'tsk_nobody' }))).toBe('TASK_NOT_FOUND');
  });

  it('extends a lease that is held, and no other', async () => {
    await using testHarness = await startTaskDispatchHarness();
    const { sent, claim, store, raise, status } = taskActions(testHarness);
    const { taskId, token, sessionId } = await sent();
    await testHarness.tasks.extendLease({ taskId, leaseToken: token, seconds: 600 });
    testHarness.clock.advance({ seconds: 300 });
    await testHarness.reap();
    expect(await status(taskId)).toBe('fetched');
    expect(await errorReasonName(testHarness.tasks.extendLease({ taskId, leaseToken: '1.wrong' }))).toBe('LEASE_LOST');
    await raise(sessionId, 2);
    expect(await errorReasonName(testHarness.tasks.extendLease({ taskId, leaseToken: token }))).toBe('HANDED_OVER');
    const waiting = await store();
    const lease = await claim(waiting.accountId);
    testHarness.clock.advance({ seconds: 121 });
    const late = testHarness.tasks.extendLease({ taskId: waiting.taskId, leaseToken: lease.leaseToken });
    expect(await errorReasonName(late)).toBe('LEASE_LOST');
  });

  it('requires the lease token where the configuration says so', async () => {
    await using testHarness = await startTaskDispatchHarness({ env: { AUTOSESSION_STRICT_LEASE: 'true' } });
    const { store, claim, fetch, complete } = taskActions(testHarness);
    const { taskId, sessionId, accountId } = await store({ externalTaskId: `e-${unique()}` });
    const lease = await claim(accountId);
    expect(await errorReasonName(fetch(taskId))).toBe('INVALID_ARGUMENT');
    await fetch(taskId, lease.leaseToken);
    expect(await errorReasonName(complete(sessionId))).toBe('INVALID_ARGUMENT');
    expect((await complete(sessionId, { leaseToken: lease.leaseToken })).taskStatus).toBe(TaskStatus.COMPLETED);
  });
});
