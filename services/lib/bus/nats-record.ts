import { type JsMsg, type Msg, type MsgHdrs, MsgHdrsImpl } from 'nats';
import type { LoggedEvent, LogRecord } from './event-log.ts';

const BUCKETS = 64;
const SESSION = 'Autosession-Session';
const SOURCE = 'Autosession-Source';
const SOURCE_SEQ = 'Autosession-Source-Seq';
const TYPE = 'Autosession-Type';
const ORDER = 'Autosession-Order';
const EVENT_ID = 'Nats-Msg-Id';
const EXPECTED_STREAM = 'Nats-Expected-Stream';

/** `autosession.<tenant>.<bucket>`: readers of some tenants or buckets need not see the rest. */
export function subjectOf(prefix: string, { tenant, sessionId }: LogRecord): string {
  return `${prefix}.${tenant}.${String(bucketOf(sessionId)).padStart(2, '0')}`;
}

/** FNV-1a: stable for ever, since a session must keep its bucket. */
function bucketOf(sessionId: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(sessionId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % BUCKETS;
}

/**
 * What the payload does not have to be read for, and the one stream that it may go to. The event's id goes as the message id.
 * Throws on a value with a line break.
 */
export function headersOf(record: LogRecord, stream: string): MsgHdrs {
  const values = {
    [SESSION]: record.sessionId,
    [SOURCE]: record.source,
    [SOURCE_SEQ]: String(record.sourceSeq),
    [TYPE]: record.type,
    [EVENT_ID]: record.eventId,
    [EXPECTED_STREAM]: stream,
    ...(record.order !== undefined && { [ORDER]: String(record.order) }),
  };
  const out: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (/[\r\n]/.test(value)) throw new Error(`${name} contains a line break`);
    out[name] = [value];
  }
  // names are written as they stand: to set them one by one brings each into its canonical form again
  return MsgHdrsImpl.fromRecord(out);
}

/** The event of a delivered message. */
export function eventOf(msg: Msg | JsMsg, position: bigint): LoggedEvent {
  const header = (name: string) => msg.headers?.get(name) ?? '';
  const order = header(ORDER);
  return {
    position,
    eventId: header(EVENT_ID),
    tenant: msg.subject.split('.')[1] ?? '',
    source: header(SOURCE),
    sessionId: header(SESSION),
    sourceSeq: Number(header(SOURCE_SEQ)),
    type: header(TYPE),
    payload: msg.data,
    ...(order && { order: BigInt(order) }),
  };
}
