import { Control, SessionState } from '../../gen/autosession/control/v1/control_pb.js';
import type { Event } from '../../gen/autosession/event/v1/event_pb.js';
import { type Task, TaskStatus } from '../../gen/autosession/task/v1/task_pb.js';
import type { Check, Stored } from './check.ts';
import { eventsOf, isWhole } from './log.ts';

interface Tables {
  sessions: {
    tenant: string;
    session_id: string;
    state: string;
    control: string;
    owner_epoch: number;
    tasks_from_epoch: number;
    version: number;
    source_seq: number;
    created_at: string;
  };
  tasks: { tenant: string; session_id: string; task_id: string; status: string; created_at: string };
}

/** The states between which a task moves without telling. */
const WAITING = [TaskStatus.PENDING, TaskStatus.HELD, TaskStatus.LEASED];

const follows = (before: TaskStatus, now: TaskStatus) =>
  WAITING.includes(before) ? WAITING.includes(now) : before === now;

/** What is wrong between one event of a session and the next, if anything is. */
function wrongStep(before: Event, event: Event): string | undefined {
  if (event.payload.case !== 'sessionChanged') return `${event.payload.case} in its middle`;
  const { session, previousState, previousStatus, epochRaised, command } = event.payload.value;
  const last = sessionOf(before);
  if (!session || !last) return `${command} shows no session`;
  if (previousState !== last.state || previousStatus !== last.status) return `${command} begins where nothing ended`;
  if (session.version !== last.version + 1) return `${command} makes version ${session.version} of ${last.version}`;
  // a change that passes its fence skips the lost epochs
  const jumps = command === 'pass_fence' && session.ownerEpoch > last.ownerEpoch;
  if (session.ownerEpoch !== last.ownerEpoch + Number(epochRaised) && !jumps)
    return `${command} makes epoch ${session.ownerEpoch} of ${last.ownerEpoch}`;
  return session.status !== last.status && !epochRaised ? `${command} gives the word at the same epoch` : undefined;
}

function sessionOf({ payload }: Event) {
  return payload.case === 'sessionCreated' || payload.case === 'sessionChanged' ? payload.value.session : undefined;
}

/** Where a session's events leave it, in the words of its row. */
function ended({ payload, sourceSeq }: Event): string {
  const session = sessionOf({ payload } as Event);
  if (!session) return 'nowhere';
  const from = payload.case === 'sessionChanged' ? payload.value.tasksFromEpoch : 1;
  const words = [SessionState[session.state], Control[session.status]].map((word) => word?.toLowerCase());
  return [...words, session.ownerEpoch, from, session.version, sourceSeq].join(' ');
}

/** The tasks of a session's events, each with the states that its events say it had: before and after. */
function taskSteps(events: readonly Event[]): Map<string, { task: Task; previous: TaskStatus }[]> {
  const steps = events.flatMap(({ payload }) =>
    payload.case === 'taskChanged' && payload.value.task
      ? [{ task: payload.value.task, previous: payload.value.previousStatus }]
      : [],
  );
  return Map.groupBy(steps, ({ task }) => task.taskId);
}

/** What is wrong in the steps of one task: content that went out twice, a return from the end, a gap. */
function wrongSteps(taskId: string, steps: readonly { task: Task; previous: TaskStatus }[]): string[] {
  return steps.slice(1).flatMap(({ task, previous }, index) => {
    const before = steps[index]!.task.taskStatus;
    return follows(before, previous)
      ? []
      : [`${taskId}: ${TaskStatus[task.taskStatus]} from ${TaskStatus[previous]}, but it was ${TaskStatus[before]}`];
  });
}

async function tasksOf({ db }: Stored) {
  const columns = ['tenant', 'session_id', 'task_id', 'status', 'created_at'] as const;
  return db.of<Tables>().selectFrom('tasks').select(columns).execute();
}

export const historyChecks: Check[] = [
  {
    claim: 'every change of a session goes on from the one before, and none gives the word without a new epoch',
    violations: async (stored) =>
      [...(await eventsOf(stored, 'session'))].flatMap(([name, events]) =>
        events.slice(1).flatMap((event, index) => {
          const wrong = wrongStep(events[index]!, event);
          return wrong ? [`${name}: ${wrong}`] : [];
        }),
      ),
  },
  {
    claim: 'a session is where its last event says',
    violations: async (stored) => {
      const told = await eventsOf(stored, 'session');
      const rows = await stored.db.of<Tables>().selectFrom('sessions').selectAll().execute();
      return rows.flatMap((row) => {
        const last = told.get(`${row.tenant} ${row.session_id}`)?.at(-1);
        if (!last && !isWhole(row.created_at)) return [];
        const { state, control, owner_epoch, tasks_from_epoch, version, source_seq } = row;
        const is = [state, control, owner_epoch, tasks_from_epoch, version, source_seq].join(' ');
        const said = last ? ended(last) : 'nowhere';
        return is === said ? [] : [`${row.session_id}: ${is}, its events say ${said}`];
      });
    },
  },
  {
    claim: 'every change of a task goes on from the one before: no content goes out twice without a decision between',
    violations: async (stored) =>
      [...(await eventsOf(stored, 'task-dispatch')).values()].flatMap((events) =>
        [...taskSteps(events)].flatMap(([taskId, steps]) => wrongSteps(taskId, steps)),
      ),
  },
  {
    claim: 'a task is where its last event says',
    violations: async (stored) => {
      const told = await eventsOf(stored, 'task-dispatch');
      const last = new Map(
        [...told].flatMap(([session, events]) =>
          [...taskSteps(events)].map(([id, steps]) => [`${session} ${id}`, steps.at(-1)!.task.taskStatus] as const),
        ),
      );
      return (await tasksOf(stored)).flatMap(({ tenant, session_id, task_id, status, created_at }) => {
        const said = last.get(`${tenant} ${session_id} ${task_id}`);
        if (said === undefined) return isWhole(created_at) ? [`${task_id}: no event tells of it`] : [];
        const is = TaskStatus[status.toUpperCase() as keyof typeof TaskStatus];
        return follows(said, is) ? [] : [`${task_id} is ${status}, its events say ${TaskStatus[said]}`];
      });
    },
  },
];
