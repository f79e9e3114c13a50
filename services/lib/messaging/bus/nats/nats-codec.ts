import { type JsMsg, type Msg, type MsgHdrs, MsgHdrsImpl } from 'nats';
import type { LoggedEvent, LogRecord } from '../event-log.ts';

const BUCKET_COUNT = 64;
const SESSION_HEADER = 'Autosession-Session';
const SOURCE_HEADER = 'Autosession-Source';
const SOURCE_SEQ_HEADER = 'Autosession-Source-Seq';
const TYPE_HEADER = 'Autosession-Type';
const ORDER_HEADER = 'Autosession-Order';
const EVENT_ID_HEADER = 'Nats-Msg-Id';
const EXPECTED_STREAM_HEADER = 'Nats-Expected-Stream';

/** `autosession.<tenant>.<bucket>`: readers of some tenants or buckets need not see the rest. */
export function subjectOf(prefix: string, { tenant, sessionId }: LogRecord): string {
  return `${prefix}.${tenant}.${String(bucketOf(sessionId)).padStart(2, '0')}`;
}

/** FNV-1a. It must never change, since a session must keep its bucket. */
function bucketOf(sessionId: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(sessionId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % BUCKET_COUNT;
}

/**
 * The fields that readers need without decoding the payload, and the only stream that may accept it. The event id is the message id.
 * Throws on a value with a line break.
 */
export function encodeHeaders(record: LogRecord, stream: string): MsgHdrs {
  const values = {
    [SESSION_HEADER]: record.sessionId,
    [SOURCE_HEADER]: record.source,
    [SOURCE_SEQ_HEADER]: String(record.sourceSeq),
    [TYPE_HEADER]: record.type,
    [EVENT_ID_HEADER]: record.eventId,
    [EXPECTED_STREAM_HEADER]: stream,
    ...(record.order !== undefined && { [ORDER_HEADER]: String(record.order) }),
  };
  const headers: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (/[\r\n]/.test(value)) throw new Error(`${name} contains a line break`);
    headers[name] = [value];
  }
  // names are written as they stand: to set them one by one brings each into its canonical form again
  return MsgHdrsImpl.fromRecord(headers);
}

/** The event of a delivered message. */
export function decodeMessage(msg: Msg | JsMsg, position: bigint): LoggedEvent {
  const header = (name: string) => msg.headers?.get(name) ?? '';
  const order = header(ORDER_HEADER);
  return {
    position,
    eventId: header(EVENT_ID_HEADER),
    tenant: msg.subject.split('.')[1] ?? '',
    source: header(SOURCE_HEADER),
    sessionId: header(SESSION_HEADER),
    sourceSeq: Number(header(SOURCE_SEQ_HEADER)),
    type: header(TYPE_HEADER),
    payload: msg.data,
    ...(order && { order: BigInt(order) }),
  };
}
