import type { LoggedEvent } from '../../services/lib/messaging/bus/event-log.ts';
import { groupBy, type InvariantCheck, invariantCheck, type StoredState } from './invariant-check.ts';
import { isFullyRetained, isRecreatedLog, outboxRows, wholeLog } from './stored-events.ts';

interface Tables {
  sessions: { tenant: string; session_id: string; created_at: string };
  consumer_offset: { consumer: string; incarnation: string; position: number };
  parked_event: { consumer: string; event_id: string; last_error: string | null };
}

const numbered = (row: { tenant: string; source: string }, session: string) => `${row.tenant} ${row.source} ${session}`;

/** The gaps in numbers that must grow by one. They start at 1, unless the oldest were removed by retention. */
function gaps(name: string, numbers: readonly number[], fromOne: boolean): string[] {
  const first = fromOne ? 1 : (numbers[0] ?? 1);
  return numbers
    .flatMap((number, index) => (number === first + index ? [] : [`${name}: ${number} at place ${index + 1}`]))
    .slice(0, 1);
}

/** The sessions, by tenant and id, whose events must all be retained. */
async function fullyRetainedSessions({ db }: StoredState): Promise<ReadonlySet<string>> {
  const rows = await db
    .autocommit<Tables>()
    .selectFrom('sessions')
    .select(['tenant', 'session_id', 'created_at'])
    .execute();
  return new Set(rows.filter((row) => isFullyRetained(row.created_at)).map((row) => `${row.tenant} ${row.session_id}`));
}

function publishErrorText({ retry_at, last_error }: { retry_at: string | null; last_error: string | null }): string {
  return retry_at ? `: the log refused it (${last_error})` : '';
}

/** The start of the error of a call that found no instance of a service. */
const UNAVAILABLE = '[unavailable]';

export const eventChecks: InvariantCheck[] = [
  {
    invariant: 'events are numbered without gaps per source and session',
    violations: async (stored) => {
      const rows = await outboxRows(stored);
      const retained = await fullyRetainedSessions(stored);
      return [...groupBy(rows, (row) => numbered(row, row.session_id))].flatMap(([name, group]) => {
        const numbers = group.map((row) => row.source_seq).toSorted((a, b) => a - b);
        return gaps(name, numbers, retained.has(`${group[0]?.tenant} ${group[0]?.session_id}`));
      });
    },
  },
  invariantCheck('every event of the outbox is published and in the log', async (stored) => {
    const known = new Set((await wholeLog(stored)).map((event) => event.eventId));
    const isAnother = await isRecreatedLog(stored);
    return (await outboxRows(stored))
      .filter((row) => !row.published_at || !known.has(row.event_id))
      .map((row) => ({
        text: `${row.event_id} (${row.source} ${row.session_id} ${row.source_seq})${publishErrorText(row)}`,
        // a row that the log refused would be refused again
        behind: !row.retry_at && (!row.published_at || isAnother),
      }));
  }),
  {
    invariant: 'the log has the events of each source and session in order, apart from repeats',
    violations: async (stored) => {
      const bySource = groupBy(await wholeLog(stored), (event) => numbered(event, event.sessionId));
      const retained = await fullyRetainedSessions(stored);
      return [...bySource].flatMap(([name, events]) => {
        let last = 0;
        const newEvents = events.filter(({ sourceSeq }) => {
          const isNew = sourceSeq > last;
          last = Math.max(last, sourceSeq);
          return isNew;
        });
        const numbers = newEvents.map((event) => event.sourceSeq);
        return gaps(name, numbers, retained.has(`${events[0]?.tenant} ${events[0]?.sessionId}`));
      });
    },
  },
  {
    invariant: 'no event of a session precedes its creation',
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
  invariantCheck('every consumer has handled the log to its end', async ({ db, log }) => {
    const { generationId, last } = await log.bounds();
    const rows = await db.autocommit<Tables>().selectFrom('consumer_offset').selectAll().execute();
    return rows
      .filter((row) => row.incarnation !== generationId || BigInt(row.position) !== last)
      .map((row) => ({
        text: `${row.consumer} is at ${row.position} of ${last}`,
        behind: row.incarnation !== generationId || BigInt(row.position) < last,
      }));
  }),
  invariantCheck('no event is parked', async ({ db }) => {
    const tables = db.autocommit<Tables>();
    const consumers = await tables.selectFrom('consumer_offset').select('consumer').execute();
    const known = new Set(consumers.map(({ consumer }) => consumer));
    const rows = await tables.selectFrom('parked_event').select(['consumer', 'event_id', 'last_error']).execute();
    return rows.map(({ consumer, event_id, last_error }) => ({
      text: `${event_id} at ${consumer}${last_error ? `: ${last_error}` : ''}`,
      // a service was down, or the event waits behind one that failed for that reason
      behind: known.has(consumer) && (last_error === null || last_error.startsWith(UNAVAILABLE)),
    }));
  }),
];
