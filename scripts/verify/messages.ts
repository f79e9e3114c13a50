import { type Check, groupBy } from './check.ts';

interface Tables {
  messages: {
    tenant: string;
    conversation_id: string;
    message_id: string;
    seq: number;
    settled: number;
    session_id: string | null;
  };
  conversations: { tenant: string; conversation_id: string; last_seq: number };
  sessions: { tenant: string; session_id: string };
}

export const messageChecks: Check[] = [
  {
    claim: 'messages are numbered without gaps per conversation',
    violations: async ({ db }) => {
      const kysely = db.of<Tables>();
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
    claim: 'every message is judged, and belongs to a session of its tenant or to none',
    violations: async ({ db }) => {
      const rows = await db
        .of<Tables>()
        .selectFrom('messages as m')
        .leftJoin('sessions as s', (on) =>
          on.onRef('s.tenant', '=', 'm.tenant').onRef('s.session_id', '=', 'm.session_id'),
        )
        .select(['m.message_id', 'm.settled', 'm.session_id', 's.session_id as known'])
        .execute();
      return rows
        .filter((row) => Number(row.settled) !== 1 || (row.session_id && !row.known))
        .map((row) => `${row.message_id}: settled ${row.settled}, session ${row.session_id}`);
    },
  },
];
