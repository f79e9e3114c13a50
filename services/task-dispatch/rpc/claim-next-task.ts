import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ClaimNextTaskResponse,
  ClaimNextTaskResponseSchema,
  type TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentContext, currentUnconfirmedReads } from '../../lib/runtime/request-context.ts';
import { type Claimant, claimNext } from '../commands/claim-next.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { toTimestamp } from '../domain/task-to-proto.ts';

/** A long poll looks again this often: tasks that become ready by time are not pushed. */
const LOOK_AGAIN_MS = 1_000;

export const claimNextTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['claimNextTask'] =>
  async ({ workerId, waitSeconds, platform, accountId }) => {
    const filter = { platform: platform || undefined, accountId: accountId || undefined };
    const task = await claimWithin(deps, { workerId, filter }, waitSeconds * 1_000);
    // the sender requests it next
    if (task?.sendUrl === '') deps.sendUrls?.prefetch(task);
    return toResponse(task, deps.clock.now());
  };

/** Claims a task, or waits for one; returns early without one when the process stops. */
async function claimWithin(deps: TaskDeps, claimant: Claimant, waitMs: number): Promise<StoredTask | undefined> {
  const { signal, tenant } = currentContext();
  const deadline = performance.now() + waitMs;
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0) return attempt(deps, claimant);
    const waiting = new AbortController();
    const stopSignal = AbortSignal.any([waiting.signal, deps.stopping, ...(signal ? [signal] : [])]);
    // subscribed before the attempt, so that no push is missed between the two
    const pushed = deps.ready.waitForPush(tenant, Math.min(left, LOOK_AGAIN_MS), stopSignal);
    try {
      const task = await attempt(deps, claimant);
      if (task || deps.stopping.aborted) return task;
      await pushed;
      signal?.throwIfAborted();
    } finally {
      waiting.abort();
    }
  }
}

/** An empty response needs no confirmed reads, so that polling does not cost a commit each time. */
async function attempt(deps: TaskDeps, claimant: Claimant): Promise<StoredTask | undefined> {
  const task = await claimNext(deps, claimant);
  if (!task) currentUnconfirmedReads()?.dismiss();
  return task;
}

function toResponse(task: StoredTask | undefined, now: number): ClaimNextTaskResponse {
  const response = create(ClaimNextTaskResponseSchema, { timestamp: now / 1_000 });
  if (!task) return response;
  const { taskId, sessionId, level, leaseToken } = task;
  return Object.assign(response, {
    taskId,
    sessionId,
    level,
    leaseToken,
    leaseExpiresAt: toTimestamp(task.leaseExpiresAt),
  });
}
