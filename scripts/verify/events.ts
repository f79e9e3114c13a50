import type { LoggedEvent } from '../../services/lib/bus/event-log.ts';
import { type Check, groupBy, type Stored } from './check.ts';
import { isWhole, wholeLog } from './log.ts';

interface Tables {
  outbox: {
    tenant: string;
    source: string;
    session_id: string;
    source_seq: number;
    event_id: string;
    published_at: string | null;
  };
  sessions: { tenant: string; session_id: string; created_at: string };
  consumer_offset: { consumer: string; incarnation: string; position: number };
  parked_event: { consumer: string; event_id: string };
}

function outboxRows({ db }: Stored) {
  return db
    .of<Tables>()
    .selectFrom('outbox')
    .select(['tenant', 'source', 'session_id', 'source_seq', 'event_id', 'published_at'])
    .execute();
}

const numbered = (row: { tenant: string; source: string }, session: string) => `${row.tenant} ${row.source} ${session}`;

/** The gaps in numbers that have to grow by one, from 1 unless the oldest were removed with age. */
function gaps(name: string, numbers: readonly number[], fromOne: boolean): string[] {
  const first = fromOne ? 1 : (numbers[0] ?? 1);
  return numbers
    .flatMap((number, index) => (number === first + index ? [] : [`${name}: ${number} at place ${index + 1}`]))
    .slice(0, 1);
}

/** The sessions, by tenant and id, whose every event must be there still. */
async function wholeSessions({ db }: Stored): Promise<ReadonlySet<string>> {
  const rows = await db.of<Tables>().selectFrom('sessions').select(['tenant', 'session_id', 'created_at']).execute();
  return new Set(rows.filter((row) => isWhole(row.created_at)).map((row) => `${row.tenant} ${row.session_id}`));
}

export const eventChecks: Check[] = [
  {
    claim: 'events are numbered without gaps per source and session',
    violations: async (stored) => {
      const rows = await outboxRows(stored);
      const whole = await wholeSessions(stored);
      return [...groupBy(rows, (row) => numbered(row, row.session_id))].flatMap(([name, same]) => {
        const numbers = same.map((row) => row.source_seq).toSorted((a, b) => a - b);
        return gaps(name, numbers, whole.has(`${same[0]?.tenant} ${same[0]?.session_id}`));
      });
    },
  },
  {
    claim: 'every event of the outbox is published and in the log',
    violations: async (stored) => {
      const known = new Set((await wholeLog(stored)).map((event) => event.eventId));
      return (await outboxRows(stored))
        .filter((row) => !row.published_at || !known.has(row.event_id))
        .map((row) => `${row.event_id} (${row.source} ${row.session_id} ${row.source_seq})`);
    },
  },
  {
    claim: 'the log brings the events of a source and session in order, repeats aside',
    violations: async (stored) => {
      const bySource = groupBy(await wholeLog(stored), (event) => numbered(event, event.sessionId));
      const whole = await wholeSessions(stored);
      return [...bySource].flatMap(([name, events]) => {
        let last = 0;
        const fresh = events.filter(({ sourceSeq }) => {
          const isFresh = sourceSeq > last;
          last = Math.max(last, sourceSeq);
          return isFresh;
        });
        const numbers = fresh.map((event) => event.sourceSeq);
        return gaps(name, numbers, whole.has(`${events[0]?.tenant} ${events[0]?.sessionId}`));
      });
    },
  },
  {
    claim: 'nothing of a session comes before its creation',
    violations: async (stored) => {
      const first = new Map<string, LoggedEvent>();
      for (const event of await wholeLog(stored)) {
        const key = `${event.tenant} ${event.sessionId}`;
        if (!first.has(key)) first.set(key, event);
      }
      return [...first.values()]
        .filter((event) => event.type !== 'session_created')
        .map((event) => `${event.sessionId} begins with ${event.type}`);
    },
  },
  {
    claim: 'every consumer has handled the log to its end',
    violations: async ({ db, log }) => {
      const { incarnation, last } = await log.bounds();
      const rows = await db.of<Tables>().selectFrom('consumer_offset').selectAll().execute();
      const behind = rows.filter((row) => row.incarnation !== incarnation || BigInt(row.position) < last);
      return behind.map((row) => `${row.consumer} is at ${row.position} of ${last}`);
    },
  },
  {
    claim: 'no event is parked',
    violations: async ({ db }) => {
      const rows = await db.of<Tables>().selectFrom('parked_event').select(['consumer', 'event_id']).execute();
      return rows.map((row) => `${row.event_id} at ${row.consumer}`);
    },
  },
];
