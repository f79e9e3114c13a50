import { groupBy, type InvariantCheck, invariantCheck } from './invariant-check.ts';
import { pendingSteps } from './pending-steps.ts';

interface Tables {
  sessions: {
    tenant: string;
    session_id: string;
    session_name: string;
    kind: string;
    account_key: string;
    shop_key: string;
    state: string;
    control: string;
    first_task_id: string;
    session_name: string;
    user_id: string;
  };
  tasks: { tenant: string; task_id: string };
}

const OPEN = ['pending', 'active', 'idle', 'paused', 'transferred'];

export const sessionChecks: InvariantCheck[] = [
  {
    invariant: 'one open chat session per tenant and name',
    violations: async ({ db }) => {
      const open = await db
        .autocommit<Tables>()
        .selectFrom('sessions')
        .select(['tenant', 'session_id', 'session_name'])
        .where('state', 'in', OPEN)
        .where('user_id', '!=', '')
        .execute();
      return [...groupBy(open, (row) => `${row.tenant} ${row.session_name}`)]
        .filter(([, rows]) => rows.length > 1)
        .map(([name, rows]) => `${name}: ${rows.map((row) => row.session_id).join(', ')}`);
    },
  },
  {
    invariant: 'one open session per tenant, account and shop',
    violations: async ({ db }) => {
      const open = await db
        .autocommit<Tables>()
        .selectFrom('sessions')
        .select(['tenant', 'session_id', 'account_key', 'shop_key'])
        .where('state', 'in', OPEN)
        .where('shop_key', '!=', '')
        .execute();
      return [...groupBy(open, (row) => `${row.tenant} ${row.account_key} ${row.shop_key}`)]
        .filter(([, rows]) => rows.length > 1)
        .map(([slot, rows]) => `${slot}: ${rows.map((row) => row.session_id).join(', ')}`);
    },
  },
  {
    invariant: 'one open chat session per tenant and name',
    violations: async ({ db }) => {
      const open = await db
        .autocommit<Tables>()
        .selectFrom('sessions')
        .select(['tenant', 'session_id', 'session_name'])
        .where('state', 'in', OPEN)
        .where('kind', '=', 'chat')
        .execute();
      return [...groupBy(open, (row) => `${row.tenant} ${row.session_name}`)]
        .filter(([, rows]) => rows.length > 1)
        .map(([name, rows]) => `${name}: ${rows.map((row) => row.session_id).join(', ')}`);
    },
  },
  {
    invariant:
      'state and control agree: in transferred a human is in control or requested, in closed states no one, else the bot',
    violations: async ({ db }) => {
      const rows = await db
        .autocommit<Tables>()
        .selectFrom('sessions')
        .select(['session_id', 'state', 'control'])
        .execute();
      return rows
        .filter(({ state, control }) => {
          if (state === 'transferred') return control !== 'pending_manual' && control !== 'manual_live';
          return control !== (OPEN.includes(state) ? 'bot_active' : 'closed');
        })
        .map(({ session_id, state, control }) => `${session_id}: ${state} with ${control}`);
    },
  },
  invariantCheck('every task that a session was created with exists, in its tenant', async (stored) => {
    const pending = await pendingSteps(stored, 'task-dispatch');
    const rows = await stored.db
      .autocommit<Tables>()
      .selectFrom('sessions as s')
      .leftJoin('tasks as t', (on) => on.onRef('t.tenant', '=', 's.tenant').onRef('t.task_id', '=', 's.first_task_id'))
      .select(['s.tenant', 's.session_id', 's.first_task_id'])
      .where('s.first_task_id', '!=', '')
      .where('t.task_id', 'is', null)
      .execute();
    return rows.map((row) => ({
      text: `${row.session_id} lacks ${row.first_task_id}`,
      behind: (pending.get(`${row.tenant} ${row.session_id}`) ?? []).some((step) => !step.from),
    }));
  }),
];
