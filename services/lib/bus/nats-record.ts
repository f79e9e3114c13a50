import { headers, type JsMsg, type Msg, type MsgHdrs } from 'nats';
import type { LoggedEvent, LogRecord } from './event-log.ts';

const BUCKETS = 64;
const SESSION = 'Autosession-Session';
const SOURCE = 'Autosession-Source';
const SOURCE_SEQ = 'Autosession-Source-Seq';
const TYPE = 'Autosession-Type';
const EVENT_ID = 'Nats-Msg-Id';

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

/** What the payload does not have to be read for. The event's id goes as the message id. */
export function headersOf(record: LogRecord): MsgHdrs {
  const out = headers();
  out.set(SESSION, record.sessionId);
  out.set(SOURCE, record.source);
  out.set(SOURCE_SEQ, String(record.sourceSeq));
  out.set(TYPE, record.type);
  return out;
}

/** The event of a delivered message. */
export function eventOf(msg: Msg | JsMsg, position: bigint): LoggedEvent {
  const header = (name: string) => msg.headers?.get(name) ?? '';
  return {
    position,
    eventId: header(EVENT_ID),
    tenant: msg.subject.split('.')[1] ?? '',
    source: header(SOURCE),
    sessionId: header(SESSION),
    sourceSeq: Number(header(SOURCE_SEQ)),
    type: header(TYPE),
    payload: msg.data,
  };
}
