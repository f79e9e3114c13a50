import { Control, SessionState } from '../../gen/autosession/control/v1/control_pb.js';
import type { Event } from '../../gen/autosession/event/v1/event_pb.js';
import { type Task, TaskStatus } from '../../gen/autosession/task/v1/task_pb.js';
import type { InvariantCheck, StoredState } from './invariant-check.ts';
import { eventsOf, isFullyRetained } from './stored-events.ts';

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

/** The statuses between which a task moves without an event. */
const SILENT_STATUSES = [TaskStatus.PENDING, TaskStatus.HELD, TaskStatus.LEASED];

const mayFollow = (before: TaskStatus, now: TaskStatus) =>
  SILENT_STATUSES.includes(before) ? SILENT_STATUSES.includes(now) : before === now;

/** The error between two successive events of a session, if there is one. */
function sessionStepError(before: Event, event: Event): string | undefined {
  if (event.payload.case !== 'sessionChanged') return `unexpected ${event.payload.case}`;
  const { session, previousState, previousStatus, epochRaised, command } = event.payload.value;
  const last = sessionOf(before);
  if (!session || !last) return `${command} has no session`;
  if (previousState !== last.state || previousStatus !== last.status)
    return `${command} does not start in the previous state`;
  if (session.version !== last.version + 1) return `${command} makes version ${session.version} of ${last.version}`;
  // a change that passes its fence skips the lost epochs
  const jumps = command === 'pass_fence' && session.ownerEpoch > last.ownerEpoch;
  if (session.ownerEpoch !== last.ownerEpoch + Number(epochRaised) && !jumps)
    return `${command} makes epoch ${session.ownerEpoch} of ${last.ownerEpoch}`;
  return session.status !== last.status && !epochRaised ? `${command} changes control without a new epoch` : undefined;
}

function sessionOf({ payload }: Event) {
  return payload.case === 'sessionCreated' || payload.case === 'sessionChanged' ? payload.value.session : undefined;
}

/** The state that a session's events result in, in the format of its row. */
function finalState({ payload, sourceSeq }: Event): string {
  const session = sessionOf({ payload } as Event);
  if (!session) return 'nowhere';
  const from = payload.case === 'sessionChanged' ? payload.value.tasksFromEpoch : 1;
  const names = [SessionState[session.state], Control[session.status]].map((name) => name?.toLowerCase());
  return [...names, session.ownerEpoch, from, session.version, sourceSeq].join(' ');
}

/** The tasks in a session's events, each with its status before and after every event. */
function taskSteps(events: readonly Event[]): Map<string, { task: Task; previous: TaskStatus }[]> {
  const steps = events.flatMap(({ payload }) =>
    payload.case === 'taskChanged' && payload.value.task
      ? [{ task: payload.value.task, previous: payload.value.previousStatus }]
      : [],
  );
  return Map.groupBy(steps, ({ task }) => task.taskId);
}

/** The errors in the steps of one task: content that was sent twice, a change after the end, a gap. */
function taskStepErrors(taskId: string, steps: readonly { task: Task; previous: TaskStatus }[]): string[] {
  return steps.slice(1).flatMap(({ task, previous }, index) => {
    const before = steps[index]!.task.taskStatus;
    return mayFollow(before, previous)
      ? []
      : [`${taskId}: ${TaskStatus[task.taskStatus]} from ${TaskStatus[previous]}, but it was ${TaskStatus[before]}`];
  });
}

async function tasksOf({ db }: StoredState) {
  const columns = ['tenant', 'session_id', 'task_id', 'status', 'created_at'] as const;
  return db.autocommit<Tables>().selectFrom('tasks').select(columns).execute();
}

export const historyChecks: InvariantCheck[] = [
  {
    invariant: 'every change of a session continues from the previous one, and control changes only with a new epoch',
    violations: async (stored) =>
      [...(await eventsOf(stored, 'session'))].flatMap(([name, events]) =>
        events.slice(1).flatMap((event, index) => {
          const error = sessionStepError(events[index]!, event);
          return error ? [`${name}: ${error}`] : [];
        }),
      ),
  },
  {
    invariant: 'a session is in the state of its last event',
    violations: async (stored) => {
      const eventsBySession = await eventsOf(stored, 'session');
      const rows = await stored.db.autocommit<Tables>().selectFrom('sessions').selectAll().execute();
      return rows.flatMap((row) => {
        const last = eventsBySession.get(`${row.tenant} ${row.session_id}`)?.at(-1);
        if (!last && !isFullyRetained(row.created_at)) return [];
        const { state, control, owner_epoch, tasks_from_epoch, version, source_seq } = row;
        const actual = [state, control, owner_epoch, tasks_from_epoch, version, source_seq].join(' ');
        const reported = last ? finalState(last) : 'nowhere';
        return actual === reported ? [] : [`${row.session_id}: ${actual}, its events say ${reported}`];
      });
    },
  },
  {
    invariant:
      'every change of a task continues from the previous one: no content is sent twice without a decision in between',
    violations: async (stored) =>
      [...(await eventsOf(stored, 'task-dispatch')).values()].flatMap((events) =>
        [...taskSteps(events)].flatMap(([taskId, steps]) => taskStepErrors(taskId, steps)),
      ),
  },
  {
    invariant: 'a task has the status of its last event',
    violations: async (stored) => {
      const eventsBySession = await eventsOf(stored, 'task-dispatch');
      const last = new Map(
        [...eventsBySession].flatMap(([session, events]) =>
          [...taskSteps(events)].map(([id, steps]) => [`${session} ${id}`, steps.at(-1)!.task.taskStatus] as const),
        ),
      );
      return (await tasksOf(stored)).flatMap(({ tenant, session_id, task_id, status, created_at }) => {
        const reported = last.get(`${tenant} ${session_id} ${task_id}`);
        if (reported === undefined) return isFullyRetained(created_at) ? [`${task_id}: it has no event`] : [];
        // a fetched task is stored as `sent`
        const name = status === 'sent' ? 'FETCHED' : status.toUpperCase();
        const actual = TaskStatus[name as keyof typeof TaskStatus];
        return mayFollow(reported, actual) ? [] : [`${task_id} is ${status}, its events say ${TaskStatus[reported]}`];
      });
    },
  },
];
