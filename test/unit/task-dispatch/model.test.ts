import { ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/app-error.ts';
import { findFence } from '../../../services/task-dispatch/store/fences.ts';
import {
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
} from '../../support/task-dispatch/task-dispatch-harness.ts';

const steps = ['store', 'claim', 'fetch', 'sent', 'failed', 'requeue', 'cancel', 'fail', 'complete', 'expire'] as const;
const controlCommands = ['takeOver', 'release', 'pause', 'resume'] as const;
const anySteps = fc.array(
  fc.record({ step: fc.constantFrom(...steps, ...controlCommands), pick: fc.nat({ max: 4 }), token: fc.boolean() }),
  { minLength: 5, maxLength: 40 },
);

const waitingStatuses = [TaskStatus.PENDING, TaskStatus.LEASED];

/** One session, some tasks, and random requests; application errors are allowed, defects are not. */
function stepRunner(testHarness: TaskDispatchHarness, sessionId: string) {
  const { store, claim, fetch, complete, raise } = taskActions(testHarness);
  const taskIds: string[] = [];
  const tokens = new Map<string, string>();
  let ownerEpoch = 1;
  let tasksFromEpoch = 1;
  const raised = (status: Control, paused = false) =>
    raise(sessionId, ++ownerEpoch, { status, paused, tasksFromEpoch });
  const handed = (status: Control) => {
    tasksFromEpoch = ownerEpoch + 1;
    return raised(status);
  };
  return async ({
    step,
    pick,
    token,
  }: {
    step: (typeof steps | typeof controlCommands)[number];
    pick: number;
    token: boolean;
  }) => {
    const taskId = taskIds[pick % Math.max(1, taskIds.length)] ?? 'tsk_none';
    const leaseToken = token ? (tokens.get(taskId) ?? '') : '';
    const doing = {
      store: async () => taskIds.push((await store({ sessionId, ownerEpoch, maxAttempts: 2 })).taskId),
      claim: async () => {
        const lease = await claim();
        tokens.set(lease.taskId, lease.leaseToken);
      },
      fetch: () => fetch(taskId, leaseToken),
      sent: () => complete(sessionId, { taskId, leaseToken }),
      failed: () => complete(sessionId, { taskId, leaseToken, success: false }),
      requeue: () => testHarness.tasks.requeueTask({ taskId, leaseToken }),
      cancel: () => testHarness.tasks.cancelTask({ taskId }),
      fail: () => testHarness.tasks.failTask({ taskId, leaseToken }),
      complete: () => testHarness.tasks.completeTask({ taskId, leaseToken }),
      expire: async () => {
        testHarness.clock.advance({ minutes: 4 });
        await testHarness.reap();
      },
      takeOver: () => handed(Control.MANUAL_LIVE),
      release: () => handed(Control.BOT_ACTIVE),
      pause: () => raised(Control.BOT_ACTIVE, true),
      resume: () => raised(Control.BOT_ACTIVE),
    };
    await doing[step]().catch((error: unknown) => {
      if (!(error instanceof ConnectError) || !errorInfo(error) || errorInfo(error)?.reason === ErrorReason.INTERNAL)
        throw error;
    });
  };
}

it('keeps its counts and its event numbers correct under any requests', async () => {
  await using testHarness = await startTaskDispatchHarness();
  let n = 0;
  await fc.assert(
    fc.asyncProperty(anySteps, async (walk) => {
      const sessionId = `ses_walk_${++n}`;
      const go = stepRunner(testHarness, sessionId);
      await go({ step: 'store', pick: 0, token: false });
      for (const step of walk) await go(step);
      const { tasks, sourceSeq } = await testHarness.tasks.getSessionTasks({ sessionId });
      const fence = await findFence(testHarness.db.autocommit(), 'default', sessionId);
      expect(fence?.openTasks).toBe(tasks.filter((task) => task.taskStatusCode === 0 && !task.finishedAt).length);
      expect((await testHarness.events(sessionId)).length).toBe(sourceSeq);
      const mayWait = fence?.status === 'bot_active' && !fence.paused;
      if (!mayWait) expect(tasks.filter((task) => waitingStatuses.includes(task.taskStatus))).toEqual([]);
      // the next walk finds an empty queue
      for (const task of tasks) await testHarness.tasks.cancelTask({ taskId: task.taskId }).catch(() => {});
    }),
    { numRuns: 60 },
  );
});
