import { CompiledQuery, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { selectNewestByName, selectSessionsByOpenName } from '../../../../services/session/store/session-statements.ts';
import type { SessionTables } from '../../../../services/session/store/tables.ts';
import { queryPlan } from '../../../support/db/sql-plans.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import { type SessionHarness, startSessionHarness } from '../../../support/session/session-harness.ts';

const tenant = 'default';

/** The statements that find a session by its name, and the index that each reads. */
function lookups({ deps }: SessionHarness) {
  const db = deps.db.autocommit<SessionTables>();
  return [
    { query: selectSessionsByOpenName.compile(db, { tenant, names: ['u-1'] }), index: 'sessions_open_name' },
    { query: selectNewestByName.compile(db, { tenant, name: 'u-1' }), index: 'sessions_name' },
  ];
}

describe('a look-up by name on SQLite', () => {
  it('reads its index', async () => {
    await using harness = await startSessionHarness();
    for (const { query, index } of lookups(harness))
      expect(await queryPlan(harness.deps.db, query.sql)).toMatch(new RegExp(`USING INDEX ${index} `));
  });
});

describe.runIf(sharedServersAvailable)('a look-up by name on MariaDB', () => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(mysqlBackend(await createDatabase()));
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());

  it('reads its index and sorts nothing, however many closed sessions a name has', async () => {
    for (let i = 0; i < 30; i++) {
      await harness.sessions.openChatSession({ sessionName: `u-${i % 3}` });
      if (i < 27) await harness.sessions.closeSession({ sessionId: `u-${i % 3}` });
      harness.clock.advance({ seconds: 1 });
    }
    const db = harness.deps.db.autocommit();
    await sql`ANALYZE TABLE sessions`.execute(db);
    for (const { query, index } of lookups(harness)) {
      const plan = await db.executeQuery(CompiledQuery.raw(`EXPLAIN ${query.sql}`, [...query.parameters]));
      expect(plan.rows).toHaveLength(1);
      expect(plan.rows[0]).toMatchObject({ table: 'sessions', key: index });
      expect(JSON.stringify(plan.rows[0])).not.toContain('filesort');
    }
  });

  it('finds one session for 20 concurrent first uses', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => harness.sessions.openChatSession({ sessionName: 'race' })),
    );
    expect(new Set(answers.map(({ session }) => session?.sessionId)).size).toBe(1);
  });
});
