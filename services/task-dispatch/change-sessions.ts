import { TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { currentTenant } from '../lib/context.ts';
import type { Executor } from '../lib/db/database.ts';
import { ErrorReason, refuse } from '../lib/errors/refuse.ts';
import { logChange } from '../lib/log.ts';
import type { TaskDeps } from './deps.ts';
import { Raced, SessionUnit } from './store/session-unit.ts';
import type { TaskTables } from './store/tables.ts';

const ATTEMPTS = 5;

/**
 * Runs `work` in one transaction that holds the fences of the sessions, and then tells log, metrics and queue what happened.
 * When another writer was faster (a stale task, a duplicate key) all of it is run again, so `work` must have no effect but
 * its statements. `label` names the failpoints.
 */
export async function changeSessions<R>(
  deps: TaskDeps,
  label: string,
  sessionIds: readonly string[],
  work: (unit: SessionUnit) => Promise<R>,
): Promise<R> {
  const tenant = currentTenant();
  const options = { tenant, dialect: deps.db.dialect, outbox: deps.outbox };
  for (let attempt = 1; ; attempt++) {
    try {
      const { unit, result } = await deps.db.transaction(`task.${label}`, async (tx: Executor<TaskTables>) => {
        const unit = await SessionUnit.open({ ...options, tx, now: deps.clock.now() }, sessionIds);
        const result = await work(unit);
        await unit.close();
        return { unit, result };
      });
      await announce(deps, unit);
      return result;
    } catch (error) {
      if (!(error instanceof Raced || deps.db.isDuplicateKey(error))) throw error;
      if (attempt === ATTEMPTS)
        throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'too many writers at once; a repeat is harmless', {}, error);
    }
  }
}

async function announce(deps: TaskDeps, unit: SessionUnit): Promise<void> {
  for (const news of unit.news) {
    const { task, change } = news;
    const name = TaskChange[change].toLowerCase();
    deps.metrics.tasks.inc({ change: name });
    const session_name = unit.fence(task.sessionId)?.sessionName;
    // a sender's own words may quote what it was to say
    const reason = /^[a-z_]{1,40}$/.test(news.reason) ? news.reason : 'reported';
    const line = { event: `task_${name}`, session_id: task.sessionId, session_name, reason, status: task.status };
    logChange(deps.logger.child({ task_id: task.taskId }), line);
  }
  await deps.ready.push([...unit.ready.values()]);
  await deps.ready.remove(unit.tenant, [...unit.withdrawn]);
}
