import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '../../gen/autosession/event/v1/event_pb.js';
import type { LoggedEvent } from '../../services/lib/bus/event-log.ts';
import { type Check, groupBy, type Stored } from './check.ts';

interface Tables {
  outbox: {
    tenant: string;
    source: string;
    session_id: string;
    source_seq: number;
    event_id: string;
    published_at: string | null;
  };
  sessions: { tenant: string; session_id: string; source_seq: number; version: number };
  parked_event: { consumer: string; event_id: string };
}

const PAGE = 1_000;

async function wholeLog({ log }: Stored): Promise<LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  let { before: position } = await log.bounds();
  for (;;) {
    const page = await log.read(position, PAGE);
    all.push(...page);
    const last = page.at(-1);
    if (!last) return all;
    position = last.position;
  }
}

function outboxRows({ db }: Stored) {
  return db
    .of<Tables>()
    .selectFrom('outbox')
    .select(['tenant', 'source', 'session_id', 'source_seq', 'event_id', 'published_at'])
    .execute();
}

const numbered = (row: { tenant: string; source: string }, session: string) => `${row.tenant} ${row.source} ${session}`;

/** The gaps in numbers that have to grow by one. */
function gaps(name: string, numbers: readonly number[], first = numbers[0]): string[] {
  return numbers
    .flatMap((number, index) => (number === (first ?? 1) + index ? [] : [`${name}: ${number} at place ${index + 1}`]))
    .slice(0, 1);
}

export const eventChecks: Check[] = [
  {
    claim: 'events are numbered without gaps per source and session',
    violations: async (stored) => {
      const rows = await outboxRows(stored);
      return [...groupBy(rows, (row) => numbered(row, row.session_id))].flatMap(([name, same]) =>
        gaps(
          name,
          same.map((row) => row.source_seq).toSorted((a, b) => a - b),
        ),
      );
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
      return [...bySource].flatMap(([name, events]) => {
        let last = (events[0]?.sourceSeq ?? 1) - 1;
        const fresh = events.filter(({ sourceSeq }) => {
          const isFresh = sourceSeq > last;
          last = Math.max(last, sourceSeq);
          return isFresh;
        });
        return gaps(
          name,
          fresh.map((event) => event.sourceSeq),
        );
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
    claim: 'a session is where its last event says',
    violations: async (stored) => {
      const last = new Map<string, { version: number; seq: number }>();
      for (const logged of await wholeLog(stored)) {
        if (logged.source !== 'session') continue;
        const event = fromBinary(EventSchema, logged.payload);
        last.set(`${logged.tenant} ${logged.sessionId}`, { version: event.sessionVersion, seq: logged.sourceSeq });
      }
      const rows = await stored.db
        .of<Tables>()
        .selectFrom('sessions')
        .select(['tenant', 'session_id', 'version', 'source_seq'])
        .execute();
      return rows
        .filter((row) => {
          const told = last.get(`${row.tenant} ${row.session_id}`);
          return told?.version !== row.version || told.seq !== row.source_seq;
        })
        .map((row) => `${row.session_id}: version ${row.version}, number ${row.source_seq}`);
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
