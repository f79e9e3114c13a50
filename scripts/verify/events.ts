import type { LoggedEvent } from '../../services/lib/bus/event-log.ts';
import { type Check, checkOf, groupBy, type Stored } from './check.ts';
import { isAnotherLog, isWhole, outboxRows, wholeLog } from './log.ts';

interface Tables {
  sessions: { tenant: string; session_id: string; created_at: string };
  consumer_offset: { consumer: string; incarnation: string; position: number };
  parked_event: { consumer: string; event_id: string; last_error: string | null };
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

function refusal({ retry_at, last_error }: { retry_at: string | null; last_error: string | null }): string {
  return retry_at ? `: the log refused it (${last_error})` : '';
}

/** The start of the error of a call that found no instance of a service. */
const UNAVAILABLE = '[unavailable]';

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
  checkOf('every event of the outbox is published and in the log', async (stored) => {
    const known = new Set((await wholeLog(stored)).map((event) => event.eventId));
    const isAnother = await isAnotherLog(stored);
    return (await outboxRows(stored))
      .filter((row) => !row.published_at || !known.has(row.event_id))
      .map((row) => ({
        text: `${row.event_id} (${row.source} ${row.session_id} ${row.source_seq})${refusal(row)}`,
        // a refused row will be refused again
        behind: !row.retry_at && (!row.published_at || isAnother),
      }));
  }),
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
  checkOf('every consumer has handled the log to its end', async ({ db, log }) => {
    const { incarnation, last } = await log.bounds();
    const rows = await db.of<Tables>().selectFrom('consumer_offset').selectAll().execute();
    return rows
      .filter((row) => row.incarnation !== incarnation || BigInt(row.position) !== last)
      .map((row) => ({
        text: `${row.consumer} is at ${row.position} of ${last}`,
        behind: row.incarnation !== incarnation || BigInt(row.position) < last,
      }));
  }),
  checkOf('no event is parked', async ({ db }) => {
    const tables = db.of<Tables>();
    const consumers = await tables.selectFrom('consumer_offset').select('consumer').execute();
    const known = new Set(consumers.map(({ consumer }) => consumer));
    const rows = await tables.selectFrom('parked_event').select(['consumer', 'event_id', 'last_error']).execute();
    return rows.map(({ consumer, event_id, last_error }) => ({
      text: `${event_id} at ${consumer}${last_error ? `: ${last_error}` : ''}`,
      // a service that was down, and the events that wait behind it
      behind: known.has(consumer) && (last_error === null || last_error.startsWith(UNAVAILABLE)),
    }));
  }),
];
