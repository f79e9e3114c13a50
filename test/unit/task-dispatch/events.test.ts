import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import { changeTask } from '../../../services/task-dispatch/change-sessions.ts';
import { raiseFence } from '../../../services/task-dispatch/commands/raise-fence.ts';
import { onSessionChanged, onSessionCreated } from '../../../services/task-dispatch/events.ts';
import { findFence } from '../../../services/task-dispatch/store/fences.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { unique } from '../../make.ts';
import { stackAvailable } from '../../stack.ts';
import { actions, type Harness, harness, taskSpec } from './harness.ts';

async function consume(world: Harness, event: Event): Promise<void> {
  const handler = event.payload.case && world.module.consumes?.[event.payload.case];
  if (!handler) throw new Error(`nobody consumes ${event.payload.case}`);
  await world.inside(() => handler(event));
}

function changed(sessionId: string, ownerEpoch: number, over: Record<string, unknown>): Event {
  const session = { sessionId, ownerEpoch, sessionName: sessionId, status: Control.BOT_ACTIVE, ...over };
  return create(EventSchema, {
    payload: {
      case: 'sessionChanged',
      value: { session, tasksFromEpoch: over.from === undefined ? 1 : Number(over.from) },
    },
  });
}

it('stores the task of a new session that the call did not bring, once', async () => {
  await using world = await harness();
  const { status } = actions(world);
  const task = taskSpec();
  const session = { sessionId: task.sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
  const event = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
  await consume(world, event);
  await consume(world, event);
  expect(await status(task.taskId)).toBe('pending');
  expect(await world.news(task.sessionId)).toHaveLength(1);
});

it('has nothing to store for a session that a human opened', async () => {
  await using world = await harness();
  const session = { sessionId: 'ses_human', ownerEpoch: 1, status: Control.PENDING_MANUAL };
  await consume(world, create(EventSchema, { payload: { case: 'sessionCreated', value: { session } } }));
  expect(await world.news()).toEqual([]);
});

it('raises the fence when the call that does so was lost', async () => {
  await using world = await harness();
  const { store, row } = actions(world);
  const { sessionId, taskId } = await store();
  await consume(world, changed(sessionId, 2, { state: SessionState.PAUSED }));
  expect((await row(taskId)).status).toBe('held');
  await consume(world, changed(sessionId, 3, { state: SessionState.ACTIVE }));
  expect((await row(taskId)).status).toBe('pending');
  await consume(world, changed(sessionId, 2, { state: SessionState.PAUSED }));
  expect((await row(taskId)).status).toBe('pending');
  await consume(world, changed(sessionId, 4, { status: Control.CLOSED, from: 4 }));
  expect(await row(taskId)).toMatchObject({ status: 'cancelled', error_message: 'session_closed' });
});

it('withdraws the task of a new session that comes after the session was taken over, and lets no older event undo that', async () => {
  await using world = await harness();
  const { row, raise, claim } = actions(world);
  const task = taskSpec();
  const session = { sessionId: task.sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
  const created = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
  await raise(task.sessionId, 2, { status: Control.MANUAL_LIVE });
  await consume(world, created);
  await consume(world, changed(task.sessionId, 1, { state: SessionState.ACTIVE }));
  await consume(world, created);
  expect(await row(task.taskId)).toMatchObject({ status: 'cancelled', error_message: 'handed_over' });
  expect((await claim(task.accountId)).taskId).toBe('');
});

describe.runIf(stackAvailable)('when the database has lost what this process had only read', () => {
  it('raises the fence again', async () => {
    await using world = await harness({ database: 'mariadb' });
    const sessionId = `ses_${unique()}`;
    await actions(world).raise(sessionId, 2);
    const word = { sessionId, sessionName: sessionId, ownerEpoch: 2, paused: false, tasksFromEpoch: 2 };
    const read = () => raiseFence(world.deps, { ...word, status: 'pending_manual', cancelReason: 'handed_over' });
    await world.inside(read);
    await world.db.of<TaskTables>().deleteFrom('session_fence').where('session_id', '=', sessionId).execute();
    const event = changed(sessionId, 2, { status: Control.PENDING_MANUAL, from: 2 });
    await world.inside(() => onSessionChanged(world.deps)(event));
    expect(await findFence(world.db.of(), 'default', sessionId)).toMatchObject({ ownerEpoch: 2 });
  });

  it('stores the task again', async () => {
    await using world = await harness({ database: 'mariadb' });
    const { store, status } = actions(world);
    const { taskId, sessionId } = await store();
    await world.inside(() => changeTask(world.deps, 'read', taskId, async () => {}));
    await world.db.of<TaskTables>().deleteFrom('tasks').where('task_id', '=', taskId).execute();
    const session = { sessionId, ownerEpoch: 1, status: Control.BOT_ACTIVE, state: SessionState.PENDING };
    const task = taskSpec({ taskId, sessionId });
    const event = create(EventSchema, { payload: { case: 'sessionCreated', value: { session, task } } });
    await world.inside(() => onSessionCreated(world.deps)(event));
    expect(await status(taskId)).toBe('pending');
  });
});
