import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { arm } from '../../../services/lib/failpoints.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { eventually } from '../../eventually.ts';
import { stackAvailable } from '../../stack.ts';
import { actions, type Harness, harness } from './harness.ts';

/** Makes the open tasks few among many, so that an index by their state is the shortest way to them. */
async function makeHistory({ db }: Harness, sessionId: string): Promise<void> {
  const tasks = db.of<TaskTables>();
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
  await sql`ANALYZE TABLE tasks`.execute(db.of());
}

/** The transactions of this database that wait for a lock. */
async function waitingTransactions({ db }: Harness): Promise<number> {
  const waiting = sql`SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist
    ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()`;
  return (await waiting.execute(db.of())).rows.length;
}

describe.runIf(stackAvailable)('a fence that is raised on MariaDB', () => {
  it('withdraws a task that is claimed meanwhile, while another session’s fence is raised too', async () => {
    await using world = await harness({ database: 'mariadb' });
    const { store, raise, claim, status } = actions(world);
    const other = await store({ taskId: 'tsk_1' });
    const task = await store({ taskId: 'tsk_2' });
    await makeHistory(world, task.sessionId);
    const [held, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    using _ = arm('db.before-commit:task.raise-fence', () => {
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
    await eventually(async () => expect(isRaised || (await waitingTransactions(world)) > 0).toBe(true));
    await claim(task.accountId);
    free.resolve();
    await Promise.all([slow, raised]);
    expect(await status(task.taskId)).toBe('cancelled');
    world.clock.advance({ minutes: 3 });
    await world.reap();
    expect((await claim(task.accountId)).taskId).toBe('');
  });
});
