import { groupBy, type InvariantCheck } from './invariant-check.ts';

interface Tables {
  receipts: {
    tenant: string;
    task_id: string;
    fence: number;
    account_key: string;
    shop_key: string;
    matched_message_id: string | null;
  };
  tasks: {
    tenant: string;
    task_id: string;
    session_id: string;
    status: string;
    attempt: number;
    lease_fence: number;
    fetched_fence: number;
  };
  session_fence: { tenant: string; session_id: string; open_tasks: number };
}

/** As the column `tasks.status` has them: `sent` is a fetched task. */
const OPEN = ['pending', 'held', 'leased', 'sent', 'unknown'];

export const taskChecks: InvariantCheck[] = [
  {
    invariant: 'a task’s content was fetched once per attempt, each time under a new fence',
    violations: async ({ db }) => {
      const kysely = db.autocommit<Tables>();
      const tasks = await kysely.selectFrom('tasks').selectAll().execute();
      const receipts = groupBy(
        await kysely.selectFrom('receipts').selectAll().execute(),
        (r) => `${r.tenant} ${r.task_id}`,
      );
      return tasks.flatMap((task) => {
        const fences = (receipts.get(`${task.tenant} ${task.task_id}`) ?? []).map((receipt) => receipt.fence);
        if (new Set(fences).size !== fences.length)
          return [`${task.task_id}: a fence was used twice (${fences.join(', ')})`];
        if (fences.some((fence) => fence > task.lease_fence)) return [`${task.task_id}: a receipt above its fence`];
        if (fences.length > task.attempt)
          return [`${task.task_id}: ${fences.length} fetches, ${task.attempt} attempts`];
        const fetched = Math.max(0, ...fences);
        return fetched === Number(task.fetched_fence)
          ? []
          : [`${task.task_id}: fetched ${task.fetched_fence}, receipts say ${fetched}`];
      });
    },
  },
  {
    invariant: 'one message explains one receipt',
    violations: async ({ db }) => {
      const rows = await db
        .autocommit<Tables>()
        .selectFrom('receipts')
        .selectAll()
        .where('matched_message_id', 'is not', null)
        .execute();
      return [...groupBy(rows, (r) => `${r.tenant} ${r.account_key} ${r.shop_key} ${r.matched_message_id}`)]
        .filter(([, group]) => group.length > 1)
        .map(([message, group]) => `${message} explains ${group.map((r) => r.task_id).join(', ')}`);
    },
  },
  {
    invariant: 'every fetched or unknown task has a receipt',
    violations: async ({ db }) => {
      const rows = await db
        .autocommit<Tables>()
        .selectFrom('tasks as t')
        .leftJoin('receipts as r', (on) => on.onRef('r.tenant', '=', 't.tenant').onRef('r.task_id', '=', 't.task_id'))
        .select(['t.task_id', 't.status'])
        .where('t.status', 'in', ['sent', 'unknown'])
        .where('r.task_id', 'is', null)
        .execute();
      return rows.map((row) => `${row.task_id} is ${row.status} without a receipt`);
    },
  },
  {
    invariant: 'no task appears twice in its chat',
    violations: async ({ db }) => {
      const rows = await db
        .autocommit<Tables>()
        .selectFrom('receipts')
        .select(['tenant', 'task_id'])
        .where('matched_message_id', 'is not', null)
        .execute();
      return [...groupBy(rows, (row) => `${row.tenant} ${row.task_id}`)]
        .filter(([, group]) => group.length > 1)
        .map(([name, group]) => `${name}: ${group.length} of its fetches were matched`);
    },
  },
  {
    invariant: 'every fence counts the open tasks of its session',
    violations: async ({ db }) => {
      const kysely = db.autocommit<Tables>();
      const open = await kysely.selectFrom('tasks').selectAll().where('status', 'in', OPEN).execute();
      const bySession = groupBy(open, (row) => `${row.tenant} ${row.session_id}`);
      const fences = await kysely.selectFrom('session_fence').selectAll().execute();
      return fences.flatMap(({ tenant, session_id, open_tasks }) => {
        const count = bySession.get(`${tenant} ${session_id}`)?.length ?? 0;
        return count === open_tasks ? [] : [`${session_id} counts ${open_tasks}, and there are ${count}`];
      });
    },
  },
];
