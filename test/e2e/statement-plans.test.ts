import type { CompiledQuery } from 'kysely';
import { expect, it } from 'vitest';
import type { Database } from '../../services/lib/db/database.ts';
import { runCommonFlows } from '../support/db/common-flows.ts';
import { explain, storeCopies } from '../support/db/mariadb-plans.ts';
import { queryPlan, recordQueries, recordStatements } from '../support/db/sql-plans.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem } from '../support/test-system.ts';

/** Matches a scan of a whole table, or of all rows of a tenant. */
const WALK = /SCAN \w+(?! CONSTANT)|\(tenant=\?( AND platform=\?)?\)/;
/** Walks that end after a few rows, in the order of their index; and what has a row per consumer, per migration or per tenant. */
const SHORT = /task_queue|schema_migration|reminder_deliveries|consumer_offset|["`](?:audit_chains|rule_set)["`]/;
const isPlanned = (text: string) => /^(select|update|delete)/.test(text) && !SHORT.test(text);

it('no whole table is read in SQLite, for the main flow, a chat, a human in each, and the words of agents', async () => {
  await using system = await startTestSystem('embedded');
  const { db } = system.process.deps;
  const statements = new Set<string>();
  {
    using _ = recordStatements(db.backend, statements);
    await runCommonFlows(system);
  }
  const planned = [...statements].filter(isPlanned);
  expect(planned.length).toBeGreaterThan(60);
  const walks: string[] = [];
  for (const text of planned) {
    const plan = await queryPlan(db, text);
    if (WALK.test(plan)) walks.push(`${plan}: ${text}`);
  }
  expect(walks).toEqual([]);
});

const STORED_SESSIONS = 3_000;
/** A statement of these flows reads at most so many rows of a table by the estimate of MariaDB. */
const MAX_ROWS = 300;

/** The tables of which MariaDB would read many rows for a query, and why. */
async function longReads(db: Database, query: CompiledQuery): Promise<string[]> {
  const reads = await explain(db, query);
  return reads
    .filter(({ rows }) => rows > MAX_ROWS)
    .map(({ table, type, key, rows }) => `${table} ${type} ${key} ${rows} rows: ${query.sql}`);
}

it.runIf(sharedServersAvailable)(
  'few rows are read in MariaDB for the same, however many sessions are stored',
  async () => {
    const MYSQL_URL = await createDatabase();
    await using system = await startTestSystem('servers', { env: { MYSQL_URL } });
    const { db } = system.process.deps;
    const queries = new Map<string, CompiledQuery>();
    const { shops, chats } = await runCommonFlows(system);
    {
      using _ = recordQueries(db.backend, (query) => queries.set(query.sql, query));
      await runCommonFlows(system);
    }
    await storeCopies(MYSQL_URL, db, [...shops, ...chats], STORED_SESSIONS);
    const planned = [...queries.values()].filter(({ sql: text }) => isPlanned(text));
    expect(planned.length).toBeGreaterThan(60);
    const long: string[] = [];
    for (const query of planned) long.push(...(await longReads(db, query)));
    expect(long).toEqual([]);
  },
);
