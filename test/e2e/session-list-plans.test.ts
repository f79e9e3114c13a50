import type { CompiledQuery } from 'kysely';
import { expect, it } from 'vitest';
import { runCommonFlows } from '../support/db/common-flows.ts';
import { explain, storeCopies } from '../support/db/mariadb-plans.ts';
import { queryPlan, recordQueries } from '../support/db/sql-plans.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

/** Every filter, the column of the index that finds its sessions, and the one that finds the VIPs among them, if not the same. */
const filters: readonly [query: string, column: string, vips?: string][] = [
  ['', 'session_id', 'vip'],
  ['status=bot_active', 'state'],
  ['status=pending_manual', 'state'],
  ['status=manual_live', 'state'],
  ['status=closed', 'state', 'vip'],
  ['state=active', 'state'],
  ['state=transferred', 'state'],
  ['state=completed', 'state', 'vip'],
  ['account_id=acc', 'account_id'],
  ['shop_id=shop', 'shop_id'],
  ['user_id=user', 'user_id'],
  ['agent=agent_01', 'agent_id'],
  ['agent=unassigned', 'session_id', 'vip'],
  ['vip=true', 'vip'],
  ['vip=false', 'session_id'],
  ['time_start=2026-01-01T00:00:00Z', 'session_id', 'vip'],
  ['time_end=2100-01-01T00:00:00Z', 'session_id', 'vip'],
];

/** Filters that leave no session that waits for a human. */
const NONE_WAITS = /^(status=(?!pending_manual)|state=(?!transferred)|agent=agent_01)/;

/** Every filter with every order: the columns of the indexes that its page reads, one per part, and of the one that counts. */
const lists = filters.flatMap(([query, column, vips = column]) => [
  { path: `${query}&sort=newest`, parts: [column], counted: column },
  { path: `${query}&sort=oldest`, parts: [column], counted: column },
  { path: `${query}&sort=vip`, parts: query.startsWith('vip') ? [column] : [vips, column], counted: column },
  {
    path: `${query}&sort=wait_time`,
    parts: NONE_WAITS.test(query) ? [column] : ['waiting_since', column],
    counted: column,
  },
]);

/** It has no session, so that every part of a list is read. */
const NEW_TENANT = 'new-tenant';

/** The statements of a list on the sessions: those of the page, by part, and those that count. */
async function statementsOf({ process, restAs }: TestSystem, path: string) {
  const queries: CompiledQuery[] = [];
  {
    using _ = recordQueries(process.deps.db.backend, (query) => queries.push(query));
    const rest = restAs(NEW_TENANT);
    await rest.ok(rest.get(`/api/sessions?${path}`));
  }
  const listing = queries.filter(({ sql }) => sql.includes('listed'));
  const isCount = ({ sql }: CompiledQuery) => sql.startsWith('select count');
  return { parts: listing.filter((query) => !isCount(query)), counts: listing.filter(isCount) };
}

it('SQLite reads every list in the order of an index', async () => {
  await using system = await startTestSystem('embedded');
  const { db } = system.process.deps;
  /** The column by which a statement finds its sessions in the order of an index. */
  const columnOf = async ({ sql }: CompiledQuery): Promise<string> => {
    const plan = await queryPlan(db, sql);
    expect([sql, plan]).toEqual([sql, expect.not.stringMatching(/TEMP B-TREE|SCAN listed/)]);
    const reads = plan.matchAll(/SEARCH listed USING (?:COVERING )?INDEX (\w+) \(tenant=\?(?: AND (\w+)[^)]*)?\)/g);
    const columns = [...reads].map(([, index, column]) =>
      index === 'sqlite_autoindex_sessions_1' ? 'session_id' : (column ?? `all of ${index}`),
    );
    expect(new Set(columns).size).toBe(1);
    return columns[0]!;
  };
  for (const { path, parts, counted } of lists) {
    const statements = await statementsOf(system, path);
    const columns = await Promise.all(statements.parts.map(columnOf));
    expect([path, columns]).toEqual([path, parts]);
    for (const count of statements.counts) expect([path, await columnOf(count)]).toEqual([path, counted]);
  }
});

const STORED_SESSIONS = 3_000;

it.runIf(sharedServersAvailable)('MariaDB reads every list by the same indexes, without sorting', async () => {
  const MYSQL_URL = await createDatabase();
  await using system = await startTestSystem('servers', { env: { MYSQL_URL } });
  const { db } = system.process.deps;
  const { shops, chats } = await runCommonFlows(system);
  await storeCopies(MYSQL_URL, db, [...shops, ...chats], STORED_SESSIONS);
  const names = new Map([
    ['session_id', 'PRIMARY'],
    ['waiting_since', 'sessions_waiting'],
  ]);
  const assertReads = async (path: string, query: CompiledQuery, column: string) => {
    const parameters = query.parameters.map((value) => (value === NEW_TENANT ? 'default' : value));
    const reads = (await explain(db, { ...query, parameters })).filter(({ table }) => table === 'listed');
    expect([path, reads.length]).not.toEqual([path, 0]);
    for (const { key, type, Extra } of reads) {
      expect([path, key, type]).toEqual([
        path,
        names.get(column) ?? `sessions_by_${column}`,
        expect.stringMatching(/ref|range/),
      ]);
      expect([path, Extra]).toEqual([path, expect.not.stringMatching(/filesort|temporary/)]);
    }
  };
  for (const { path, parts, counted } of lists) {
    const statements = await statementsOf(system, path);
    expect([path, statements.parts.length]).toEqual([path, parts.length]);
    for (const [part, column] of parts.entries()) await assertReads(path, statements.parts[part]!, column);
    for (const count of statements.counts) await assertReads(path, count, counted);
  }
});

/** The statements of a list with a keyword on the messages: the search, and the last messages of what it finds. */
async function messageStatements({ process, rest }: TestSystem): Promise<CompiledQuery[]> {
  const queries: CompiledQuery[] = [];
  using _ = recordQueries(process.deps.db.backend, (query) => queries.push(query));
  await rest.ok(rest.get('/api/sessions?keyword=%E5%9C%A8%E5%90%97'));
  return queries.filter(({ sql }) => /from .messages./.test(sql));
}

it('SQLite searches the messages by their age, and finds the last one of each session by index', async () => {
  await using system = await startTestSystem('embedded');
  await runCommonFlows(system);
  const plans = (await messageStatements(system)).map(({ sql }) => queryPlan(system.process.deps.db, sql));
  expect(await Promise.all(plans)).toEqual([
    'SEARCH messages USING INDEX messages_settled (settled=?)',
    expect.stringMatching(/SEARCH messages USING INDEX messages_session \(tenant=\? AND session_id=\?\)/),
  ]);
});

it.runIf(sharedServersAvailable)('MariaDB does the same without sorting', async () => {
  const MYSQL_URL = await createDatabase();
  await using system = await startTestSystem('servers', { env: { MYSQL_URL } });
  const { db } = system.process.deps;
  const { shops, chats } = await runCommonFlows(system);
  await storeCopies(MYSQL_URL, db, [...shops, ...chats], STORED_SESSIONS);
  const statements = await messageStatements(system);
  for (const [number, index] of [
    [0, 'messages_settled'],
    [-1, 'messages_session'],
  ] as const) {
    const reads = (await explain(db, statements.at(number)!)).filter(({ table }) => table === 'messages');
    expect(new Set(reads.map(({ key }) => key))).toEqual(new Set([index]));
    expect(JSON.stringify(reads)).not.toMatch(/filesort|temporary/);
  }
});
