import type { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommonFlows } from '../support/db/common-flows.ts';
import { explain, storeCopies } from '../support/db/mariadb-plans.ts';
import { queryPlan, recordQueries } from '../support/db/sql-plans.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

const WAITING = 'sessions_waiting';
const [BY_STATE, BY_VIP] = ['sessions_by_state', 'sessions_by_vip'];

/** Every filter, and the index that finds its sessions; `vips` is the index that finds the VIPs among them, if it is another one. */
const filters: readonly { query: string; index: string; vips?: string; reads?: number }[] = [
  { query: '', index: 'the primary key', vips: BY_VIP },
  { query: 'status=bot_active', index: BY_STATE, reads: 4 },
  { query: 'status=pending_manual', index: BY_STATE },
  { query: 'status=manual_live', index: BY_STATE },
  { query: 'status=closed', index: BY_STATE, vips: BY_VIP, reads: 5 },
  { query: 'state=active', index: BY_STATE },
  { query: 'state=transferred', index: BY_STATE },
  { query: 'state=completed', index: BY_STATE, vips: BY_VIP },
  { query: 'account_id=acc', index: 'sessions_by_account_id' },
  { query: 'shop_id=shop', index: 'sessions_by_shop_id' },
  { query: 'user_id=user', index: 'sessions_by_user_id' },
  { query: 'agent=agent_01', index: 'sessions_by_agent_id' },
  { query: 'agent=unassigned', index: 'sessions_by_agent_id', vips: BY_VIP },
  { query: 'vip=true', index: BY_VIP },
  { query: 'vip=false', index: BY_VIP },
  { query: 'time_start=2026-01-01T00:00:00Z', index: 'the primary key', vips: BY_VIP },
  { query: 'time_end=2100-01-01T00:00:00Z', index: 'the primary key', vips: BY_VIP },
];

/** The index that each statement of a page reads, in the order of the statements, if no session is found; then that of the count. */
function indexesOf({ query, index, vips = index }: (typeof filters)[number], sort: string): string[] {
  const page = { wait_time: [WAITING, index], vip: [vips, query === '' || query.startsWith('time') ? BY_VIP : index] }[sort];
  if (sort === 'vip' && query.startsWith('vip=')) return [index, index];
  return [...(page ?? [index]), index];
}

const lists = filters.flatMap((filter) =>
  ['newest', 'oldest', 'vip', 'wait_time'].map((sort) => ({ ...filter, sort, path: `/api/sessions?${filter.query}&sort=${sort}` })),
);

/** The statements of a list on its table, those of the page first. */
async function statementsOf({ process, restAs }: TestSystem, path: string, tenant: string): Promise<CompiledQuery[]> {
  const queries: CompiledQuery[] = [];
  {
    using _ = recordQueries(process.deps.db.backend, (query) => queries.push(query));
    const rest = restAs(tenant);
    await rest.ok(rest.get(path));
  }
  const isCount = ({ sql }: CompiledQuery) => sql.startsWith('select count');
  const found = queries.filter(({ sql }) => /\blisted (FORCE INDEX|INDEXED BY)/.test(sql));
  return [...found.filter((query) => !isCount(query)), ...found.filter(isCount)];
}
