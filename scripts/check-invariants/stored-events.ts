import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '../../gen/autosession/event/v1/event_pb.js';
import { sqlTime } from '../../services/lib/db/sql-time.ts';
import { recordOfEventRow } from '../../services/lib/messaging/bus/consumer/consumer-store.ts';
import type { LoggedEvent, LogRecord } from '../../services/lib/messaging/bus/event-log.ts';
import type { StoredState } from './invariant-check.ts';

interface Tables {
  outbox: {
    position: number;
    tenant: string;
    source: string;
    session_id: string;
    source_seq: number;
    event_id: string;
    type: string;
    payload: Uint8Array;
    created_at: string;
    published_at: string | null;
    retry_at: string | null;
    last_error: string | null;
  };
  relay_state: { incarnation: string };
}

const PAGE_SIZE = 1_000;

/** Events are kept for 72 hours: a session younger than this has all of its events. */
const FULLY_RETAINED_MS = 71 * 3_600_000;

const logsByState = new WeakMap<StoredState, Promise<LoggedEvent[]>>();

/** All events of the log, in its order. */
export function wholeLog(stored: StoredState): Promise<LoggedEvent[]> {
  const known = logsByState.get(stored) ?? readLog(stored);
  logsByState.set(stored, known);
  return known;
}

async function readLog({ log }: StoredState): Promise<LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  let { before: position } = await log.bounds();
  for (;;) {
    const page = await log.read(position, PAGE_SIZE);
    all.push(...page);
    const last = page.at(-1);
    if (!last) return all;
    position = last.position;
  }
}

/** The outbox without its payloads, in its order. */
export function outboxRows({ db }: StoredState) {
  return db
    .autocommit<Tables>()
    .selectFrom('outbox')
    .select(['tenant', 'source', 'session_id', 'source_seq', 'event_id', 'published_at', 'retry_at', 'last_error'])
    .orderBy('position')
    .execute();
}

/** Whether the log is a new generation that the relay has not filled with all retained events yet. */
export async function isRecreatedLog({ db, log }: StoredState): Promise<boolean> {
  const { generationId } = await log.bounds();
  const state = await db.autocommit<Tables>().selectFrom('relay_state').select('incarnation').executeTakeFirst();
  return state?.incarnation !== generationId;
}

/** The rows that the relay has not published yet, in its order. */
export async function unpublishedRecords(stored: StoredState): Promise<LogRecord[]> {
  const all = stored.db.autocommit<Tables>().selectFrom('outbox').selectAll().orderBy('position');
  const rows = await ((await isRecreatedLog(stored)) ? all : all.where('published_at', 'is', null)).execute();
  const known = new Set((await wholeLog(stored)).map(({ eventId }) => eventId));
  return rows.filter((row) => !known.has(row.event_id)).map(recordOfEventRow);
}

/** The events of a source by tenant and session, in order and without repeats, published or not. */
export async function eventsOf(stored: StoredState, source: string): Promise<Map<string, Event[]>> {
  const bySession = new Map<string, { last: number; events: Event[] }>();
  for (const record of [...(await wholeLog(stored)), ...(await unpublishedRecords(stored))]) {
    if (record.source !== source) continue;
    const key = `${record.tenant} ${record.sessionId}`;
    const known = bySession.get(key) ?? { last: 0, events: [] };
    bySession.set(key, known);
    if (record.sourceSeq <= known.last) continue;
    known.last = record.sourceSeq;
    known.events.push(fromBinary(EventSchema, record.payload));
  }
  return new Map([...bySession].map(([key, { events }]) => [key, events]));
}

/** Whether outbox and log still have all events since then. */
export function isFullyRetained(since: string): boolean {
  return since > sqlTime(Date.now() - FULLY_RETAINED_MS);
}
