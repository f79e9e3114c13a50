import { type Check, groupBy } from './check.ts';

interface Tables {
  sessions: {
    tenant: string;
    session_id: string;
    account_key: string;
    shop_key: string;
    state: string;
    control: string;
    owner_epoch: number;
    fenced_epoch: number;
    first_task_id: string;
  };
  session_fence: { tenant: string; session_id: string; owner_epoch: number; status: string };
  tasks: { tenant: string; session_id: string; task_id: string; status: string };
}

const OPEN = ['pending', 'active', 'idle', 'paused', 'transferred'];

export const sessionChecks: Check[] = [
  {
    claim: 'one open session per tenant, account and shop',
    violations: async ({ db }) => {
      const open = await db
        .of<Tables>()
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
    claim: 'state and control agree: transferred is a human’s, closed is nobody’s, the rest the bot’s',
    violations: async ({ db }) => {
      const rows = await db.of<Tables>().selectFrom('sessions').select(['session_id', 'state', 'control']).execute();
      return rows
        .filter(({ state, control }) => {
          if (state === 'transferred') return control !== 'pending_manual' && control !== 'manual_live';
          return control !== (OPEN.includes(state) ? 'bot_active' : 'closed');
        })
        .map(({ session_id, state, control }) => `${session_id}: ${state} with ${control}`);
    },
  },
  {
    claim: 'every fence has what the session decided',
    violations: async ({ db }) => {
      const rows = await db
        .of<Tables>()
        .selectFrom('sessions as s')
        .innerJoin('session_fence as f', (on) =>
          on.onRef('f.tenant', '=', 's.tenant').onRef('f.session_id', '=', 's.session_id'),
        )
        .select([
          's.session_id',
          's.owner_epoch',
          's.control',
          'f.owner_epoch as fence_epoch',
          'f.status as fence_status',
        ])
        .execute();
      return rows
        .filter((row) => row.fence_epoch !== row.owner_epoch || row.fence_status !== row.control)
        .map(
          (row) => `${row.session_id}: ${row.owner_epoch} ${row.control}, fence ${row.fence_epoch} ${row.fence_status}`,
        );
    },
  },
  {
    claim: 'nothing waits to be sent where the bot has not the word',
    violations: async ({ db }) => {
      const rows = await db
        .of<Tables>()
        .selectFrom('tasks as t')
        .innerJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 't.tenant').onRef('s.session_id', '=', 't.session_id'),
        )
        .select(['t.task_id', 't.status', 's.session_id', 's.control'])
        .where('t.status', 'in', ['pending', 'held', 'leased'])
        .where('s.control', '!=', 'bot_active')
        .execute();
      return rows.map((row) => `${row.task_id} is ${row.status} in ${row.session_id}, which is ${row.control}`);
    },
  },
  {
    claim: 'every task that a session was created with is there, in its tenant',
    violations: async ({ db }) => {
      const rows = await db
        .of<Tables>()
        .selectFrom('sessions as s')
        .leftJoin('tasks as t', (on) =>
          on.onRef('t.tenant', '=', 's.tenant').onRef('t.task_id', '=', 's.first_task_id'),
        )
        .select(['s.session_id', 's.first_task_id'])
        .where('s.first_task_id', '!=', '')
        .where('t.task_id', 'is', null)
        .execute();
      return rows.map((row) => `${row.session_id} lacks ${row.first_task_id}`);
    },
  },
];
