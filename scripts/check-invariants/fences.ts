import { type InvariantCheck, invariantCheck, type StoredState } from './invariant-check.ts';
import { type PendingStep, pendingSteps } from './pending-steps.ts';

interface Tables {
  sessions: {
    tenant: string;
    session_id: string;
    state: string;
    control: string;
    owner_epoch: number;
    fenced_epoch: number;
    tasks_from_epoch: number;
    first_task_id: string;
    kind: string;
    agent_id: string | null;
  };
  session_fence: {
    tenant: string;
    session_id: string;
    owner_epoch: number;
    tasks_from_epoch: number;
    status: string;
    paused: number;
    agent_id: string;
  };
  tasks: {
    tenant: string;
    session_id: string;
    task_id: string;
    status: string;
    owner_epoch: number;
    /** The agent who wrote it; empty for a bot's task. */
    agent_id: string;
  };
}

const isPaused = ({ state }: { state: string }) => state === 'paused';

function sessionsWithFences({ db }: StoredState) {
  return (
    db
      .autocommit<Tables>()
      .selectFrom('sessions as s')
      .leftJoin('session_fence as f', (on) =>
        on.onRef('f.tenant', '=', 's.tenant').onRef('f.session_id', '=', 's.session_id'),
      )
      .select([
        's.tenant',
        's.session_id',
        's.state',
        's.owner_epoch',
        's.control',
        's.fenced_epoch',
        's.tasks_from_epoch',
      ])
      .select(['s.first_task_id', 'f.owner_epoch as fence_epoch', 'f.status as fence_status', 'f.paused'])
      .select('f.tasks_from_epoch as fence_from')
      // chats have their fence at message-analysis: see chats.ts
      .where('s.kind', '=', 'shop')
      .execute()
  );
}

type SessionWithFence = Awaited<ReturnType<typeof sessionsWithFences>>[number];

function fenceText(row: SessionWithFence): string {
  return `${row.fence_epoch} ${row.fence_status} from ${row.fence_from}${row.paused ? ' paused' : ''}`;
}

/** Whether events that task-dispatch has yet to handle raise the session's fence from its current epoch to the required one. */
function willCatchUp(row: SessionWithFence, steps: readonly PendingStep[]): boolean {
  const raises = new Map(steps.filter(({ epochRaised }) => epochRaised).map((step) => [step.epoch, step]));
  const from = row.fence_epoch ?? 1;
  for (let epoch = from + 1; epoch <= row.owner_epoch; epoch++) if (!raises.has(epoch)) return false;
  if (row.fence_status === null) return row.first_task_id === '' || steps.some((step) => !step.from);
  const next = raises.get(from + 1)?.from;
  return next?.control === row.fence_status && next.paused === Boolean(row.paused);
}

/** Whether a waiting task matches the fence of its session. A task of a later epoch than the fence may be held for it. */
function matchesFence(task: {
  status: string;
  owner_epoch: number;
  fence_epoch: number | null;
  fence_from: number | null;
  fence_status: string | null;
  fence_agent: string | null;
  agent_id: string;
  paused: number | null;
}): boolean {
  if (task.fence_epoch === null || task.fence_from === null) return false;
  if (task.status === 'held' && (task.paused || task.owner_epoch > task.fence_epoch)) return true;
  const mayAct = isAuthorInControl(task, task.fence_status, task.fence_agent) && task.owner_epoch >= task.fence_from;
  if (!mayAct || task.paused) return false;
  // an agent's task is held behind an earlier one, too
  return task.status !== 'held' || task.agent_id !== '';
}

/** Whether the author of a task, a bot or one agent, is in control. */
function isAuthorInControl({ agent_id }: { agent_id: string }, control: string | null, agent: string | null): boolean {
  return agent_id === '' ? control === 'bot_active' : control === 'manual_live' && agent_id === agent;
}

export const fenceChecks: InvariantCheck[] = [
  invariantCheck(
    'every fence matches its session, and no session records an epoch as confirmed that its fence does not have',
    async (stored) => {
      const pending = await pendingSteps(stored, 'task-dispatch');
      return (await sessionsWithFences(stored)).flatMap((row) => {
        const decided = `${row.owner_epoch} ${row.control} from ${row.tasks_from_epoch}${isPaused(row) ? ' paused' : ''}`;
        const fence = row.fence_status === null ? 'none' : fenceText(row);
        // a session without tasks whose control never changed needs no fence
        const needsNoFence = row.fence_status === null && row.owner_epoch === 1 && row.first_task_id === '';
        const confirmedTooEarly = row.fenced_epoch > Math.max(1, row.fence_epoch ?? 0);
        if ((needsNoFence || decided === fence) && !confirmedTooEarly) return [];
        const text = `${row.session_id}: ${decided}, confirmed ${row.fenced_epoch}, fence ${fence}`;
        const steps = pending.get(`${row.tenant} ${row.session_id}`) ?? [];
        return [{ text, behind: !confirmedTooEarly && willCatchUp(row, steps) }];
      });
    },
  ),
  {
    // retention removes closed sessions, at different times per table
    invariant: 'every open fence and its tasks have a session, and no fence is above its session',
    violations: async ({ db }) => {
      const kysely = db.autocommit<Tables>();
      const orphanTasks = await kysely
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
        ...orphanTasks.map((row) => `task ${row.task_id} belongs to session ${row.session_id}, which does not exist`),
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
  invariantCheck(
    'a task waits only while its author is in control; a bot’s is held exactly while the session is paused',
    async (stored) => {
      const pending = await pendingSteps(stored, 'task-dispatch');
      const sessions = await sessionsWithFences(stored);
      const behind = new Set(
        sessions
          .filter((row) => (row.fence_epoch ?? 0) < row.owner_epoch)
          .filter((row) => willCatchUp(row, pending.get(`${row.tenant} ${row.session_id}`) ?? []))
          .map(({ tenant, session_id }) => `${tenant} ${session_id}`),
      );
      const rows = await stored.db
        .autocommit<Tables>()
        .selectFrom('tasks as t')
        .innerJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 't.tenant').onRef('s.session_id', '=', 't.session_id'),
        )
        .leftJoin('session_fence as f', (on) =>
          on.onRef('f.tenant', '=', 't.tenant').onRef('f.session_id', '=', 't.session_id'),
        )
        .select(['t.tenant', 't.task_id', 't.status', 't.owner_epoch', 't.agent_id', 's.session_id', 's.control'])
        .select(['s.state', 's.agent_id as session_agent', 'f.agent_id as fence_agent'])
        .select(['s.tasks_from_epoch', 'f.owner_epoch as fence_epoch', 'f.status as fence_status', 'f.paused'])
        .select('f.tasks_from_epoch as fence_from')
        .where('t.status', 'in', ['pending', 'held', 'leased'])
        .execute();
      return rows
        .filter(
          (row) =>
            !isAuthorInControl(row, row.control, row.session_agent) ||
            row.owner_epoch < row.tasks_from_epoch ||
            (row.agent_id === '' && isPaused(row) !== (row.status === 'held')),
        )
        .map((row) => {
          return {
            text: `${row.task_id} is ${row.status} in ${row.session_id}, which is ${row.state}/${row.control}`,
            behind: behind.has(`${row.tenant} ${row.session_id}`) && matchesFence(row),
          };
        });
    },
  ),
  {
    invariant: 'of the agents’ tasks of a session at most one waits in the queue, is leased or is fetched',
    violations: async ({ db }) => {
      const rows = await db
        .autocommit<Tables>()
        .selectFrom('tasks')
        .select((eb) => ['tenant', 'session_id', eb.fn.countAll().as('count')])
        .where('agent_id', '<>', '')
        // a fetched task is stored as `sent`
        .where('status', 'in', ['pending', 'leased', 'sent'])
        .groupBy(['tenant', 'session_id'])
        .having((eb) => eb.fn.countAll(), '>', 1)
        .execute();
      return rows.map(({ session_id, count }) => `${session_id}: ${count} tasks of agents at once`);
    },
  },
];
