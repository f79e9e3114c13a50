import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { readyTasks } from '../../../../services/task-dispatch/store/claims.ts';
import type { TaskTables } from '../../../../services/task-dispatch/store/tables.ts';
import { sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import { startTaskDispatchHarness, taskActions } from '../../../support/task-dispatch/task-dispatch-harness.ts';

describe.runIf(sharedServersAvailable)('the claim on MariaDB', () => {
  it.each([
    { filter: {}, index: 'tasks_claim' },
    { filter: { accountId: 't-one' }, index: 'tasks_claim_account' },
  ])('walks $index and sorts nothing', async ({ filter, index }) => {
    await using testHarness = await startTaskDispatchHarness({ database: 'mariadb' });
    const { store } = taskActions(testHarness);
    for (let i = 0; i < 60; i++) await store({ accountId: i % 30 ? `t-${i}` : 't-one' });
    const query = readyTasks(
      testHarness.db.autocommit<TaskTables>(),
      'default',
      filter,
      testHarness.clock.now(),
      16,
    ).compile();
    await sql`ANALYZE TABLE tasks`.execute(testHarness.db.autocommit());
    const plan = await testHarness.db.autocommit().executeQuery({ ...query, sql: `EXPLAIN ${query.sql}` });
    expect(plan.rows).toHaveLength(1);
    expect(plan.rows[0]).toMatchObject({ table: 'tasks', key: index });
    expect(JSON.stringify(plan.rows[0])).not.toContain('filesort');
  });
});
