import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { armFailpoint } from '../../../../services/lib/runtime/failpoints.ts';
import type { TaskTables } from '../../../../services/task-dispatch/store/tables.ts';
import { eventually } from '../../../support/eventually.ts';
import { sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import {
  startTaskDispatchHarness,
  type TaskDispatchHarness,
  taskActions,
} from '../../../support/task-dispatch/task-dispatch-harness.ts';

/** Makes the open tasks few among many, so that an index by their state is the shortest way to them. */
async function makeHistory({ db }: TaskDispatchHarness, sessionId: string): Promise<void> {
  const tasks = db.autocommit<TaskTables>();
  const { active_worker: _, ...old } = await tasks
    .selectFrom('tasks')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirstOrThrow();
  for (let batch = 0; batch < 16; batch++) {
    const rows = Array.from({ length: 250 }, (_, n) => ({
      ...old,
      task_id: `tsk_old-${batch}-${n}`,
      session_id: batch === 0 ? sessionId : `ses_old-${batch}-${n}`,
      status: 'completed' as const,
    }));
    await tasks.insertInto('tasks').values(rows).execute();
  }
  await sql`ANALYZE TABLE tasks`.execute(db.autocommit());
}

/** The transactions of this database that wait for a lock. */
async function waitingTransactions({ db }: TaskDispatchHarness): Promise<number> {
  const waiting = sql`SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist
    ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()`;
  return (await waiting.execute(db.autocommit())).rows.length;
}

describe.runIf(sharedServersAvailable)('a fence that is raised on MariaDB', () => {
  it('withdraws a task that is claimed meanwhile, while another session’s fence is raised too', async () => {
    await using testHarness = await startTaskDispatchHarness({ database: 'mariadb' });
    const { store, raise, claim, status } = taskActions(testHarness);
    const other = await store({ taskId: 'tsk_1' });
    const task = await store({ taskId: 'tsk_2' });
    await makeHistory(testHarness, task.sessionId);
    const [held, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    using _ = armFailpoint('db.before-commit:task.raise-fence', () => {
      if (!isFirst) return;
      isFirst = false;
      held.resolve();
      return free.promise;
    });
    const slow = raise(other.sessionId, 2);
    await held.promise;
    let isRaised = false;
    const raised = raise(task.sessionId, 2).finally(() => {
      isRaised = true;
    });
    await eventually(async () => expect(isRaised || (await waitingTransactions(testHarness)) > 0).toBe(true));
    await claim(task.accountId);
    free.resolve();
    await Promise.all([slow, raised]);
    expect(await status(task.taskId)).toBe('cancelled');
    testHarness.clock.advance({ minutes: 3 });
    await testHarness.reap();
    expect((await claim(task.accountId)).taskId).toBe('');
  });
});
