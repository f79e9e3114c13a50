import { fromBinary } from '@bufbuild/protobuf';
import { Control, SessionState } from '../../gen/autosession/control/v1/control_pb.js';
import { EventSchema } from '../../gen/autosession/event/v1/event_pb.js';
import type { EventColumns } from '../../services/lib/messaging/bus/consumer/consumer-statements.ts';
import { recordOfEventRow } from '../../services/lib/messaging/bus/consumer/consumer-store.ts';
import type { LogRecord } from '../../services/lib/messaging/bus/event-log.ts';
import type { StoredState } from './invariant-check.ts';
import { unpublishedRecords, wholeLog } from './stored-events.ts';

interface Tables {
  consumer_offset: { consumer: string; incarnation: string; position: number };
  parked_event: EventColumns & { parked_id: number; consumer: string };
}

/** A change of a session that a consumer has not handled yet: the epochs before and after it. */
export interface PendingStep {
  /** Undefined for the creation of the session. */
  readonly from?: { readonly control: string; readonly paused: boolean };
  readonly control: string;
  /** The session's owner_epoch after it. */
  readonly epoch: number;
  readonly epochRaised: boolean;
}

/**
 * The changes of sessions that a consumer has not handled yet, in order, by tenant and session: their events are parked, in the
 * log after the consumer's position, or not published yet.
 */
export async function pendingSteps(stored: StoredState, consumer: string): Promise<Map<string, PendingStep[]>> {
  const steps = new Map<string, PendingStep[]>();
  const last = new Map<string, number>();
  for (const record of await pendingRecords(stored, consumer)) {
    const key = `${record.tenant} ${record.sessionId}`;
    if (record.source !== 'session' || record.sourceSeq <= (last.get(key) ?? 0)) continue;
    last.set(key, record.sourceSeq);
    const step = stepOf(record);
    if (step) steps.set(key, [...(steps.get(key) ?? []), step]);
  }
  return steps;
}

async function pendingRecords(stored: StoredState, consumer: string): Promise<LogRecord[]> {
  const { generationId } = await stored.log.bounds();
  const tables = stored.db.autocommit<Tables>();
  const offset = await tables
    .selectFrom('consumer_offset')
    .selectAll()
    .where('consumer', '=', consumer)
    .executeTakeFirst();
  // it will read the new log from the start
  const position = offset?.incarnation === generationId ? BigInt(offset.position) : 0n;
  const parked = await tables
    .selectFrom('parked_event')
    .selectAll()
    .where('consumer', '=', consumer)
    .orderBy('parked_id')
    .execute();
  return [
    ...parked.map(recordOfEventRow),
    ...(await wholeLog(stored)).filter((event) => event.position > position),
    ...(await unpublishedRecords(stored)),
  ];
}

function stepOf(record: LogRecord): PendingStep | undefined {
  const { payload } = fromBinary(EventSchema, record.payload);
  if (payload.case !== 'sessionCreated' && payload.case !== 'sessionChanged') return undefined;
  const { session } = payload.value;
  if (!session) return undefined;
  const to = { control: controlName(session.status), epoch: session.ownerEpoch };
  if (payload.case === 'sessionCreated') return { ...to, epochRaised: false };
  const { previousState, previousStatus, epochRaised } = payload.value;
  const from = { control: controlName(previousStatus), paused: previousState === SessionState.PAUSED };
  return { ...to, from, epochRaised };
}

function controlName(control: Control): string {
  return Control[control].toLowerCase();
}
