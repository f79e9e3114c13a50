import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '../../gen/autosession/event/v1/event_pb.js';
import type { LoggedEvent } from '../../services/lib/bus/event-log.ts';
import { sqlTime } from '../../services/lib/db/time.ts';
import type { Stored } from './check.ts';

const PAGE = 1_000;

/** Events are kept for 72 hours: of a session that is younger than this, all are there. */
const WHOLE_MS = 71 * 3_600_000;

/** Everything that the log holds, in its order. */
export async function wholeLog({ log }: Stored): Promise<LoggedEvent[]> {
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

/** The events of a source by tenant and session, in order, each once. */
export async function eventsOf(stored: Stored, source: string): Promise<Map<string, Event[]>> {
  const bySession = new Map<string, { last: number; events: Event[] }>();
  for (const record of await wholeLog(stored)) {
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

/** Whether whatever happened since then is still in outbox and log. */
export function isWhole(since: string): boolean {
  return since > sqlTime(Date.now() - WHOLE_MS);
}
