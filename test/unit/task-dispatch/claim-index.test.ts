import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { readyTasks } from '../../../services/task-dispatch/store/claims.ts';
import type { TaskTables } from '../../../services/task-dispatch/store/tables.ts';
import { stackAvailable } from '../../stack.ts';
import { actions, harness } from './harness.ts';

describe.runIf(stackAvailable)('the claim on MariaDB', () => {
  it.each([
    { filter: {}, index: 'tasks_claim' },
    { filter: { accountId: 't-one' }, index: 'tasks_claim_account' },
  ])('walks $index and sorts nothing', async ({ filter, index }) => {
    await using world = await harness({ database: 'mariadb' });
    const { store } = actions(world);
    for (let i = 0; i < 60; i++) await store({ accountId: i % 30 ? `t-${i}` : 't-one' });
    const query = readyTasks(world.db.of<TaskTables>(), 'default', filter, world.clock.now(), 16).compile();
    await sql`ANALYZE TABLE tasks`.execute(world.db.of());
    const plan = await world.db.of().executeQuery({ ...query, sql: `EXPLAIN ${query.sql}` });
    expect(plan.rows).toHaveLength(1);
    expect(plan.rows[0]).toMatchObject({ table: 'tasks', key: index });
    expect(JSON.stringify(plan.rows[0])).not.toContain('filesort');
  });
});
