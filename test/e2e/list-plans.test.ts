import { type CompiledQuery, sql } from 'kysely';
import { expect, it } from 'vitest';
import { encodeListCursor } from '../../services/handover/rpc/paging.ts';
import type { Database } from '../../services/lib/db/database.ts';
import { runCommonFlows } from '../support/db/common-flows.ts';
import { explain, storeCopies } from '../support/db/mariadb-plans.ts';
import { queryPlan, recordQueries } from '../support/db/sql-plans.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

const [SINCE, UNTIL] = ['since=2026-01-01T00:00:00Z', 'until=2100-01-01T00:00:00Z'];

/**
 * Every filter of the lists, and the index that finds its rows in the order of the list; behind it the columns by which SQLite
 * finds them, which follow the tenant. A session named SES has rows, and an agent named agent_01.
 */
const plans: readonly (readonly [path: string, index: string, columns: string])[] = [
  ['/api/handovers?', 'handovers_age', ''],
  ['/api/handovers?session=SES', 'handovers_session', 'session_id=?'],
  ['/api/handovers?state=live', 'handovers_state', 'state=?'],
  ['/api/handovers?agent_id=agent_01', 'handovers_agent', 'agent_id=?'],
  ['/api/handovers?session=SES&state=returned&agent_id=agent_01', 'handovers_session', 'session_id=?'],
  ['/api/handovers?state=returned&agent_id=agent_01', 'handovers_agent', 'agent_id=?'],
  ['/api/reminders?', 'reminders_age', ''],
  ['/api/reminders?session=SES', 'reminders_session', 'session_id=?'],
  ['/api/reminders?state=pending', 'reminders_listed_state', 'listed_state=?'],
  ['/api/reminders?state=acknowledged', 'reminders_listed_state', 'listed_state=?'],
  ['/api/reminders?session=SES&state=delivered', 'reminders_session', 'session_id=?'],
  ['/api/audit?', 'audit_entries_age', ''],
  ['/api/audit?newest_first=true', 'audit_entries_age', ''],
  [`/api/audit?${SINCE}`, 'audit_entries_age', 'created_at>?'],
  [`/api/audit?${UNTIL}`, 'audit_entries_age', 'created_at<?'],
  [`/api/audit?${SINCE}&${UNTIL}`, 'audit_entries_age', 'created_at>? AND created_at<?'],
  ['/api/audit?session=SES', 'audit_entries_session', 'session_id=?'],
  [
    `/api/audit?session=SES&${SINCE}&${UNTIL}`,
    'audit_entries_session',
    'session_id=? AND created_at>? AND created_at<?',
  ],
  [`/api/audit?session=SES&agent_id=agent_01&${SINCE}`, 'audit_entries_session', 'session_id=? AND created_at>?'],
  ['/api/audit?agent_id=agent_01', 'audit_entries_actor', 'actor_key=?'],
  [
    `/api/audit?agent_id=agent_01&${SINCE}&${UNTIL}`,
    'audit_entries_actor',
    'actor_key=? AND created_at>? AND created_at<?',
  ],
  [
    `/api/audit?agent_id=agent_01&newest_first=true&${SINCE}&${UNTIL}`,
    'audit_entries_actor',
    'actor_key=? AND created_at>? AND created_at<?',
  ],
];

/** The query that a list runs on its table. */
async function queryOf({ process, rest }: TestSystem, path: string): Promise<CompiledQuery> {
  const queries: CompiledQuery[] = [];
  {
    using _ = recordQueries(process.deps.db.backend, (query) => queries.push(query));
    await rest.ok(rest.get(path));
  }
  const lists = queries.filter((query) => /^select \* from .(handovers|reminders|audit_entries)/.test(query.sql));
  expect([path, lists.length]).toEqual([path, 1]);
  return lists[0]!;
}

it('SQLite reads a page of handovers, reminders or the audit in the order of an index, whatever the filter', async () => {
  await using system = await startTestSystem('embedded');
  const { db } = system.process.deps;
  for (const [path, index, columns] of plans) {
    const query = await queryOf(system, path.replace('SES', 'ses_1'));
    const key = columns ? `tenant=? AND ${columns}` : 'tenant=?';
    expect([path, await queryPlan(db, query.sql)]).toEqual([path, `SEARCH listed USING INDEX ${index} (${key})`]);
  }
});

it('SQLite begins a further page where the one before has ended', async () => {
  await using system = await startTestSystem('embedded');
  const token = encodeListCursor({ at: '2026-12-01 00:00:00.000', id: 'id_1' });
  for (const [path, index] of plans) {
    const query = await queryOf(system, `${path.replace('SES', 'ses_1')}&page_token=${token}`);
    const plan = await queryPlan(system.process.deps.db, query.sql);
    expect([path, plan]).toEqual([path, expect.stringMatching(`USING INDEX ${index} .*created_at[<>]\\?`)]);
  }
});

const STORED_SESSIONS = 3_000;

/** The copies have one agent. */
async function divideAmongAgents(db: Database): Promise<void> {
  const one = (id: string) => sql`CONCAT('agent_', LPAD(CRC32(${sql.ref(id)}) % 20, 2, '0'))`;
  await sql`UPDATE handovers SET agent_id = ${one('handover_id')}`.execute(db.autocommit());
  await sql`UPDATE audit_entries SET actor = ${one('audit_id')} WHERE actor = 'agent_01'`.execute(db.autocommit());
  for (const table of ['handovers', 'audit_entries'])
    await sql`ANALYZE TABLE ${sql.table(table)}`.execute(db.autocommit());
}

it.runIf(sharedServersAvailable)('MariaDB reads a page by the same index, without sorting', async () => {
  const MYSQL_URL = await createDatabase();
  await using system = await startTestSystem('servers', { env: { MYSQL_URL } });
  const { rest } = system;
  const { db } = system.process.deps;
  const { shops, chats } = await runCommonFlows(system);
  const [session = ''] = chats;
  await eventually(async () =>
    expect((await rest.ok(rest.get(`/api/handovers?session=${session}&state=returned`))).handovers).toHaveLength(2),
  );
  await storeCopies(MYSQL_URL, db, [...shops, ...chats], STORED_SESSIONS);
  await divideAmongAgents(db);
  for (const [path, index] of plans) {
    const [read, ...others] = await explain(db, await queryOf(system, path.replace('SES', session)));
    expect([path, read?.key, others]).toEqual([path, index, []]);
    expect([path, read?.Extra]).toEqual([path, expect.not.stringMatching(/filesort|temporary/)]);
  }
});
