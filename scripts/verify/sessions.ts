import { type Check, groupBy, type Stored } from './check.ts';

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
    tasks_from_epoch: number;
    first_task_id: string;
  };
  session_fence: {
    tenant: string;
    session_id: string;
    owner_epoch: number;
    tasks_from_epoch: number;
    status: string;
    paused: number;
  };
  tasks: { tenant: string; session_id: string; task_id: string; status: string; owner_epoch: number };
}

const OPEN = ['pending', 'active', 'idle', 'paused', 'transferred'];

const isPaused = ({ state }: { state: string }) => state === 'paused';

function sessionsWithFences({ db }: Stored) {
  return db
    .of<Tables>()
    .selectFrom('sessions as s')
    .leftJoin('session_fence as f', (on) =>
      on.onRef('f.tenant', '=', 's.tenant').onRef('f.session_id', '=', 's.session_id'),
    )
    .select(['s.session_id', 's.state', 's.owner_epoch', 's.control', 's.fenced_epoch', 's.tasks_from_epoch'])
    .select(['s.first_task_id', 'f.owner_epoch as fence_epoch', 'f.status as fence_status', 'f.paused'])
    .select('f.tasks_from_epoch as fence_from')
    .execute();
}

function fenceText(row: Awaited<ReturnType<typeof sessionsWithFences>>[number]): string {
  return `${row.fence_epoch} ${row.fence_status} from ${row.fence_from}${row.paused ? ' paused' : ''}`;
}

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
    claim: 'every fence has what the session decided, and no session believes it confirmed what it has not',
    violations: async (stored) =>
      (await sessionsWithFences(stored)).flatMap((row) => {
        const decided = `${row.owner_epoch} ${row.control} from ${row.tasks_from_epoch}${isPaused(row) ? ' paused' : ''}`;
        const fence = row.fence_status === null ? 'none' : fenceText(row);
        // a session that no task was made for and that never changed hands needs no fence
        const needless = row.fence_status === null && row.owner_epoch === 1 && row.first_task_id === '';
        const early = row.fenced_epoch > Math.max(1, row.fence_epoch ?? 0);
        return (needless || decided === fence) && !early
          ? []
          : [`${row.session_id}: ${decided}, confirmed ${row.fenced_epoch}, fence ${fence}`];
      }),
  },
  {
    // what is closed goes by the retention, each table at its own pace
    claim: 'every open fence has its session and is not above it, and so has every task under it',
    violations: async ({ db }) => {
      const kysely = db.of<Tables>();
      const lost = await kysely
        .selectFrom('tasks as t')
        .leftJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 't.tenant').onRef('s.session_id', '=', 't.session_id'),
        )
        .leftJoin('session_fence as f', (on) =>
          on.onRef('f.tenant', '=', 't.tenant').onRef('f.session_id', '=', 't.session_id'),
        )
        .select(['t.task_id', 't.session_id'])
        .where('s.session_id', 'is', null)
        .where((eb) => eb.or([eb('f.status', 'is', null), eb('f.status', '!=', 'closed')]))
        .execute();
      const fences = await kysely
        .selectFrom('session_fence as f')
        .leftJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 'f.tenant').onRef('s.session_id', '=', 'f.session_id'),
        )
        .select(['f.session_id', 'f.owner_epoch as fence_epoch', 's.owner_epoch'])
        .where('f.status', '!=', 'closed')
        .execute();
      return [
        ...lost.map((row) => `task ${row.task_id} is of session ${row.session_id}, which does not exist`),
        ...fences
          .filter((row) => row.owner_epoch === null || row.fence_epoch > row.owner_epoch)
          .map(({ session_id, fence_epoch, owner_epoch }) =>
            owner_epoch === null
              ? `the fence of ${session_id} has no session`
              : `the fence of ${session_id} is at ${fence_epoch}, the session at ${owner_epoch}`,
          ),
      ];
    },
  },
  {
    claim: 'a task waits to be sent only where the bot has the word, and is held exactly while the session is paused',
    violations: async ({ db }) => {
      const rows = await db
        .of<Tables>()
        .selectFrom('tasks as t')
        .innerJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 't.tenant').onRef('s.session_id', '=', 't.session_id'),
        )
        .select(['t.task_id', 't.status', 't.owner_epoch', 's.session_id', 's.control', 's.state'])
        .select('s.tasks_from_epoch')
        .where('t.status', 'in', ['pending', 'held', 'leased'])
        .execute();
      return rows
        .filter(
          (row) =>
            row.control !== 'bot_active' ||
            row.owner_epoch < row.tasks_from_epoch ||
            isPaused(row) !== (row.status === 'held'),
        )
        .map((row) => `${row.task_id} is ${row.status} in ${row.session_id}, which is ${row.state}/${row.control}`);
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
