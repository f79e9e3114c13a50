import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { raiseSessionFence } from '../../../services/task-dispatch/commands/raise-fence.ts';
import { onSessionChanged, onSessionCreated } from '../../../services/task-dispatch/events.ts';
import { findFence } from '../../../services/task-dispatch/store/fences.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { TaskUnitOfWork } from '../../../services/task-dispatch/unit-of-work/task-unit-of-work.ts';
import { unique } from '../../support/factories.ts';
import { sharedServersAvailable } from '../../support/servers/shared-servers.ts';
import {
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
  taskSpec,
} from '../../support/task-dispatch/task-dispatch-harness.ts';

async function consume(testHarness: TaskDispatchHarness, event: Event): Promise<void> {
  const handler = event.payload.case && testHarness.module.eventHandlers?.[event.payload.case];
  if (!handler) throw new Error(`no handler for ${event.payload.case}`);
  await testHarness.inTenantContext(() => handler(event));
}

function changed(sessionId: string, ownerEpoch: number, overrides: Record<string, unknown>): Event {
  const session = { sessionId, ownerEpoch, sessionName: sessionId, status: Control.BOT_ACTIVE, ...overrides };
  return create(EventSchema, {
    payload: {
      case: 'sessionChanged',
      value: { session, tasksFromEpoch: overrides.from === undefined ? 1 : Number(overrides.from) },
    },
  });
}

it('stores the task of a new session once when the call was lost', async () => {
  await using testHarness = await startTaskDispatchHarness();
  const { status } = taskActions(testHarness);
  const task = taskSpec();
  const session = { sessionId: task.sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
  const event = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
  await consume(testHarness, event);
  await consume(testHarness, event);
  expect(await status(task.taskId)).toBe('pending');
  expect(await testHarness.events(task.sessionId)).toHaveLength(1);
});

it('has nothing to store for a session that a human opened', async () => {
  await using testHarness = await startTaskDispatchHarness();
  const session = { sessionId: 'ses_human', ownerEpoch: 1, status: Control.PENDING_MANUAL };
  await consume(testHarness, create(EventSchema, { payload: { case: 'sessionCreated', value: { session } } }));
  expect(await testHarness.events()).toEqual([]);
});

it('raises the fence when the call that does so was lost', async () => {
  await using testHarness = await startTaskDispatchHarness();
  const { store, row } = taskActions(testHarness);
  const { sessionId, taskId } = await store();
  await consume(testHarness, changed(sessionId, 2, { state: SessionState.PAUSED }));
  expect((await row(taskId)).status).toBe('held');
  await consume(testHarness, changed(sessionId, 3, { state: SessionState.ACTIVE }));
  expect((await row(taskId)).status).toBe('pending');
  await consume(testHarness, changed(sessionId, 2, { state: SessionState.PAUSED }));
  expect((await row(taskId)).status).toBe('pending');
  await consume(testHarness, changed(sessionId, 4, { status: Control.CLOSED, from: 4 }));
  expect(await row(taskId)).toMatchObject({ status: 'cancelled', error_message: 'session_closed' });
});

it('makes no fence for a chat session, which has no tasks', async () => {
  await using testHarness = await startTaskDispatchHarness();
  await consume(testHarness, changed('ses_chat', 2, { status: Control.PENDING_MANUAL, userId: 'u-1', from: 2 }));
  expect(await findFence(testHarness.db.autocommit(), 'default', 'ses_chat')).toBeUndefined();
});

it('withdraws the task of a new session that comes after the session was taken over, and lets no older event undo that', async () => {
  await using testHarness = await startTaskDispatchHarness();
  const { row, raise, claim } = taskActions(testHarness);
  const task = taskSpec();
  const session = { sessionId: task.sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
  const created = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
  await raise(task.sessionId, 2, { status: Control.MANUAL_LIVE });
  await consume(testHarness, created);
  await consume(testHarness, changed(task.sessionId, 1, { state: SessionState.ACTIVE }));
  await consume(testHarness, created);
  expect(await row(task.taskId)).toMatchObject({ status: 'cancelled', error_message: 'handed_over' });
  expect((await claim(task.accountId)).taskId).toBe('');
});

describe.runIf(sharedServersAvailable)('when the database has lost what this process had only read', () => {
  it('raises the fence again', async () => {
    await using testHarness = await startTaskDispatchHarness({ database: 'mariadb' });
    const sessionId = `ses_${unique()}`;
    await taskActions(testHarness).raise(sessionId, 2);
    const word = { sessionId, sessionName: sessionId, ownerEpoch: 2, paused: false, agentId: '', tasksFromEpoch: 2 };
    const read = () =>
      raiseSessionFence(testHarness.deps, { ...word, status: 'pending_manual', cancelReason: 'handed_over' });
    await testHarness.inTenantContext(read);
    await testHarness.db
      .autocommit<TaskTables>()
      .deleteFrom('session_fence')
      .where('session_id', '=', sessionId)
      .execute();
    const event = changed(sessionId, 2, { status: Control.PENDING_MANUAL, from: 2 });
    await testHarness.inTenantContext(() => onSessionChanged(testHarness.deps)(event));
    expect(await findFence(testHarness.db.autocommit(), 'default', sessionId)).toMatchObject({ ownerEpoch: 2 });
  });

  it('stores the task again', async () => {
    await using testHarness = await startTaskDispatchHarness({ database: 'mariadb' });
    const { store, status } = taskActions(testHarness);
    const { taskId, sessionId } = await store();
    await testHarness.inTenantContext(() => TaskUnitOfWork.run(testHarness.deps, 'read', { taskId }, async () => {}));
    await testHarness.db.autocommit<TaskTables>().deleteFrom('tasks').where('task_id', '=', taskId).execute();
    const session = { sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
    const task = taskSpec({ taskId, sessionId });
    const event = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
    await testHarness.inTenantContext(() => onSessionCreated(testHarness.deps)(event));
    expect(await status(taskId)).toBe('pending');
  });
});
