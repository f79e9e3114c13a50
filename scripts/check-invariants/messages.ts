import { parseSqlTime } from '../../services/lib/db/sql-time.ts';
import { groupBy, type InvariantCheck, invariantCheck } from './invariant-check.ts';

interface Tables {
  messages: {
    tenant: string;
    conversation_id: string;
    message_id: string;
    seq: number;
    settled: number;
    verdict: number;
    received_at: string;
    session_id: string | null;
    task_id: string | null;
  };
  outgoing_messages: { tenant: string; task_id: string };
  tasks: { tenant: string; task_id: string; status: string; agent_id: string };
  conversations: { tenant: string; conversation_id: string; last_seq: number };
  sessions: { tenant: string; session_id: string };
  outbox: { created_at: string };
}

/** A job that runs every few seconds evaluates interrupted batches. */
const EVALUATION_TIMEOUT_MS = 600_000;

export const messageChecks: InvariantCheck[] = [
  {
    invariant: 'messages are numbered without gaps per conversation',
    violations: async ({ db }) => {
      const kysely = db.autocommit<Tables>();
      const messages = await kysely.selectFrom('messages').select(['tenant', 'conversation_id', 'seq']).execute();
      const conversations = await kysely.selectFrom('conversations').selectAll().execute();
      const byConversation = groupBy(messages, (row) => `${row.tenant} ${row.conversation_id}`);
      return conversations.flatMap((conversation) => {
        const rows = byConversation.get(`${conversation.tenant} ${conversation.conversation_id}`) ?? [];
        const distinct = new Set(rows.map((row) => row.seq)).size;
        const whole = distinct === rows.length && rows.length === conversation.last_seq;
        return whole
          ? []
          : [`${conversation.conversation_id}: ${rows.length} messages, last number ${conversation.last_seq}`];
      });
    },
  },
  {
    invariant: 'every open task of an agent has its message, once',
    violations: async ({ db }) => {
      const tables = db.autocommit<Tables>();
      const rows = await tables
        .selectFrom('tasks as t')
        .leftJoin('messages as m', (on) => on.onRef('m.tenant', '=', 't.tenant').onRef('m.task_id', '=', 't.task_id'))
        .leftJoin('outgoing_messages as o', (on) =>
          on.onRef('o.tenant', '=', 't.tenant').onRef('o.task_id', '=', 't.task_id'),
        )
        .select(['t.task_id', 'm.session_id', 'o.task_id as outgoing'])
        .where('t.agent_id', '<>', '')
        .where('t.status', 'in', ['pending', 'held', 'leased', 'sent', 'unknown'])
        .execute();
      return [...groupBy(rows, (row) => row.task_id)].flatMap(([taskId, found]) => {
        // the echo of a message in an upload belongs to no session
        const stored = found.filter((row) => row.session_id !== null).length + Number(found[0]?.outgoing !== null);
        return stored === 1 ? [] : [`${taskId}: ${stored} messages`];
      });
    },
  },
  invariantCheck('every message is evaluated, and belongs to a session of its tenant or to none', async ({ db }) => {
    const tables = db.autocommit<Tables>();
    const newest = await tables
      .selectFrom('outbox')
      .select((eb) => eb.fn.max('created_at').as('created_at'))
      .executeTakeFirst();
    const rows = await tables
      .selectFrom('messages as m')
      .leftJoin('sessions as s', (on) =>
        on.onRef('s.tenant', '=', 'm.tenant').onRef('s.session_id', '=', 'm.session_id'),
      )
      .select(['m.message_id', 'm.settled', 'm.verdict', 'm.received_at', 'm.session_id', 's.session_id as known'])
      .execute();
    return rows
      .filter((row) => Number(row.settled) !== 1 || (row.session_id && !row.known))
      .map((row) => ({
        text: `${row.message_id}: settled ${row.settled}, session ${row.session_id}`,
        behind: row.verdict === 0 && !row.session_id && !isOverdue(row.received_at, newest?.created_at),
      }));
  }),
];

/** Whether the system ran long enough after a message to have evaluated it, according to its newest event. */
function isOverdue(received: string, newest: string | null | undefined): boolean {
  return newest != null && parseSqlTime(newest) - parseSqlTime(received) > EVALUATION_TIMEOUT_MS;
}
